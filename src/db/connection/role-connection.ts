import type { Env } from '../../core/env.ts';
import { LamplighterError } from '../../core/errors.ts';
import { lookUpPassfile } from './connection-passfile.ts';
import { type ConnectionSettings, type HostAddress, resolveKeywords } from './connection-settings.ts';
import { parseConnectionString } from './connection-string.ts';

/**
 * The login of another role at the same place, as libpq finds it when the user changes: same hosts, database, encryption and client
 * certificate; the password is the given one, else the passfile's. The password of `settings` is nobody else's and is left out.
 */
export function settingsForRole(settings: ConnectionSettings, role: string, password?: string): ConnectionSettings {
  const { passfile, database } = settings;
  const loginAt = ({ password: _own, ...address }: HostAddress): HostAddress => {
    const found =
      password ??
      (passfile === undefined ? undefined : lookUpPassfile(passfile, { ...address, database, user: role }).password);
    return found === undefined ? address : { ...address, password: found };
  };
  const { direct: _direct, passwordOrigin: _origin, password: _own, fallbackHosts, ...rest } = settings;
  const { host, port, hostaddr } = settings;
  const first = loginAt({ host, port, ...(hostaddr === undefined ? {} : { hostaddr }) });
  const origin = password === undefined ? passfile : 'the password command';
  return {
    ...rest,
    ...first,
    user: role,
    ...(fallbackHosts === undefined ? {} : { fallbackHosts: fallbackHosts.map(loginAt) }),
    ...(first.password === undefined || origin === undefined ? {} : { passwordOrigin: origin }),
  };
}

export interface RoleStringOptions {
  /** Names the flag, variable or line in messages. */
  readonly origin: string;
  /** The login role of a string without one. @default the string must name somebody */
  readonly role?: string;
  /** Where to log in as far as the string leaves that open. */
  readonly place: ConnectionSettings;
  readonly env: Env;
}

/**
 * The login that a connection string for one role asks for. What it leaves open comes from `place`, but for the password: that is the
 * string's, else the passfile's.
 *
 * @throws LamplighterError CONFIG_INVALID, naming `origin` and never quoting the string.
 */
export function parseRoleConnection(text: string, options: RoleStringOptions): ConnectionSettings {
  const { origin, role, place, env } = options;
  const given = parseConnectionString(text, origin);
  const user = given.get('user') ?? role;
  if (user === undefined) {
    throw new LamplighterError('CONFIG_INVALID', `${origin}: expected a connection string that names a user`);
  }
  const isElsewhere = ['host', 'hostaddr', 'service'].some((keyword) => given.has(keyword));
  const pairs = new Map([...(isElsewhere ? [] : placeOf(place)), ['dbname', place.database], ...given]);
  pairs.set('user', user);
  // The variable holds the password of the worker itself.
  return resolveKeywords(pairs, origin, { ...env, PGPASSWORD: undefined });
}

function placeOf(place: ConnectionSettings): [string, string][] {
  const addresses = [place, ...(place.fallbackHosts ?? [])];
  const { mode, rootCertificate } = place.tls ?? {};
  return [
    ['host', addresses.map(({ host }) => host).join(',')],
    ...(addresses.some(({ hostaddr }) => hostaddr !== undefined)
      ? [['hostaddr', addresses.map(({ hostaddr = '' }) => hostaddr).join(',')] as [string, string]]
      : []),
    ['port', addresses.map(({ port }) => port).join(',')],
    ...(mode === undefined ? [] : [['sslmode', mode] as [string, string]]),
    ...(rootCertificate === undefined ? [] : [['sslrootcert', rootCertificate] as [string, string]]),
  ];
}
