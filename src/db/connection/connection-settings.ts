import { existsSync } from 'node:fs';
import { isIP } from 'node:net';
import { type Env, homeFolder, osUserName } from '../../core/env.ts';
import { LamplighterError } from '../../core/errors.ts';
import { type Keywords, readKeywords, readVariables } from './connection-keywords.ts';
import { defaultPassfile, lookUpPassfile } from './connection-passfile.ts';
import { type ConnectionFlags, findSource } from './connection-source.ts';
import { parseConnectionString } from './connection-string.ts';
import { loadService } from './pg-service-file.ts';
import { planTls, type TlsPlan } from './tls.ts';

const DEFAULT_CONNECT_TIMEOUT_MS = 10_000;
/** The limit for `connect_timeout=0`, which means for ever: a wait without a bound would look like a hang. */
const LONGEST_CONNECT_TIMEOUT_MS = 60_000;
const SOCKET_FOLDERS = ['/var/run/postgresql', '/tmp'];

export interface HostAddress {
  /** A name, an address, or the folder of a Unix socket, which starts with a slash. */
  readonly host: string;
  /** Where to connect, in place of looking `host` up; certificates and the passfile still go by `host`. */
  readonly hostaddr?: string;
  readonly port: number;
  readonly password?: string;
}

/** Everything needed to open a session. `host`, `port`, `database` and `user` are enough; the rest refines. */
export interface ConnectionSettings extends HostAddress {
  readonly database: string;
  readonly user: string;
  /** Where the password came from, for messages: `PGPASSWORD`, `--uri`, a file. */
  readonly passwordOrigin?: string;
  /** The file in which passwords of other roles at this place are looked up, there or not. */
  readonly passfile?: string;
  /** Tried in turn after `host`. */
  readonly fallbackHosts?: readonly HostAddress[];
  /** Which servers will do, when there are several. @default 'any' */
  readonly targetSession?: TargetSession;
  /** Absent: never encrypted. */
  readonly tls?: TlsPlan;
  /** Refuse a login that is not bound to the TLS connection. @default false */
  readonly mustBindChannel?: boolean;
  /** @default 10000 */
  readonly connectTimeoutMs?: number;
  readonly applicationName?: string;
  /** Which flag or variable the connection came from, for messages; `default` when nothing named one. */
  readonly origin?: string;
  /** What was asked for and left out, for people. */
  readonly warnings?: readonly string[];
  /** The way around a pooler, for LISTEN, tasks and migrations. */
  readonly direct?: ConnectionSettings;
}

const TARGET_SESSIONS = ['any', 'read-write', 'primary'] as const;
export type TargetSession = (typeof TARGET_SESSIONS)[number];

/**
 * The connection that flags and environment ask for: `--uri`, then `--db-*`, then `DATABASE_URL`, then libpq's variables; whatever the
 * chosen one leaves open comes from the service file, libpq's variables, the passfile and libpq's defaults, as with psql.
 *
 * @throws LamplighterError CONFIG_INVALID, naming the flag or variable and never quoting a connection string.
 */
export function resolveConnection(flags: ConnectionFlags, env: Env): ConnectionSettings {
  const { main, direct } = findSource(flags, env);
  const settings = resolveKeywords(main.pairs, main.origin, env);
  return direct === undefined ? settings : { ...settings, direct: resolveKeywords(direct.pairs, direct.origin, env) };
}

/** The same for one connection string, which `origin` names in messages; it has no way around a pooler beside it. */
export function resolveConnectionString(text: string, origin: string, env: Env): ConnectionSettings {
  return resolveKeywords(parseConnectionString(text, origin), origin, env);
}

/** The settings to use where a pooler would be in the way: the direct ones, if there are any. */
export function directOf(settings: ConnectionSettings): ConnectionSettings {
  return settings.direct ?? settings;
}

/**
 * The connection that a text of somebody else asks for. Nothing of this process goes into it: no variable, no passfile or service file,
 * no certificate of the home folder, no name of the operating system's user.
 *
 * @throws LamplighterError CONFIG_INVALID, also when it names no host or no role, a file, or an address besides the host.
 */
export function resolveForeignConnection(text: string, origin: string): ConnectionSettings {
  const { keywords, warnings } = readKeywords(parseConnectionString(text, origin), origin);
  for (const keyword of OF_THIS_HOST) {
    if (keywords[keyword] === undefined) continue;
    const reason =
      keyword === 'hostaddr' ? 'write the address as the host' : 'it would read what belongs to the daemon';
    throw invalid(origin, `the connection parameter "${keyword}" is not allowed in a table: ${reason}`);
  }
  const { user, dbname: database = user } = keywords;
  if (user === undefined || database === undefined)
    throw invalid(origin, 'expected a role name in the connection string');
  if ((keywords.host ?? '').split(',').some((host) => host === '')) {
    throw invalid(origin, 'expected a host name in the connection string');
  }
  const addresses = readAddresses(keywords, origin).map((address) =>
    keywords.password === undefined ? address : { ...address, password: keywords.password },
  );
  return assemble({ keywords, addresses, user, database, tls: planTls(keywords, undefined, origin), origin, warnings });
}

/** Keywords that name what is on this host, or that lead elsewhere than `host` says. */
const OF_THIS_HOST = ['passfile', 'service', 'sslrootcert', 'sslcert', 'sslkey', 'sslpassword', 'hostaddr'] as const;

/**
 * The connection that these keywords ask for; what they leave open comes as in {@link resolveConnection}.
 *
 * @throws LamplighterError CONFIG_INVALID, naming `origin`.
 */
export function resolveKeywords(
  pairs: Iterable<readonly [string, string]>,
  origin: string,
  env: Env,
): ConnectionSettings {
  const given = readKeywords(pairs, origin);
  const variables = readVariables(env);
  const serviceName = given.keywords.service ?? variables.keywords.service;
  const serviceOrigin = `service "${serviceName}"`;
  const service = serviceName === undefined ? undefined : readKeywords(loadService(serviceName, env), serviceOrigin);
  const keywords: Keywords = { ...variables.keywords, ...service?.keywords, ...given.keywords };

  const user = keywords.user ?? osUserName();
  if (user === undefined) throw invalid(origin, 'expected a role name: set it in the URI, with --db-user or in PGUSER');
  const database = keywords.dbname ?? user;
  const addresses = readAddresses(keywords, origin);
  const tls = planTls(keywords, env, origin);
  const passwordFrom = passwordOrigin(keywords, [
    [given.keywords, origin],
    [service?.keywords ?? {}, serviceOrigin],
  ]);
  const passfile = keywords.passfile ?? defaultPassfile(homeFolder(env), env['APPDATA']);
  const answers = addresses.map((address) =>
    passwordFrom === undefined
      ? lookUpPassfile(passfile, { ...address, database, user })
      : { password: keywords.password },
  );
  const found = addresses.map((address, i) => {
    const password = answers[i]?.password;
    return password === undefined ? address : { ...address, password };
  });

  const fileWarning = answers.find((answer) => 'warning' in answer && answer.warning !== undefined);
  const warnings = [
    ...given.warnings,
    ...(service?.warnings ?? []),
    ...variables.warnings,
    ...(fileWarning !== undefined && 'warning' in fileWarning ? [fileWarning.warning ?? ''] : []),
  ];
  const settings = { ...assemble({ keywords, addresses: found, user, database, tls, origin, warnings }), passfile };
  return settings.password === undefined ? settings : { ...settings, passwordOrigin: passwordFrom ?? passfile };
}

interface SettledParts {
  readonly keywords: Keywords;
  readonly addresses: readonly HostAddress[];
  readonly user: string;
  readonly database: string;
  readonly tls: TlsPlan;
  readonly origin: string;
  readonly warnings: readonly string[];
}

function assemble({ keywords, addresses, user, database, tls, origin, warnings }: SettledParts): ConnectionSettings {
  const [first = { host: 'localhost', port: 5432 }, ...fallbackHosts] = addresses;
  const applicationName = keywords.application_name ?? keywords.fallback_application_name;
  return {
    ...first,
    database,
    user,
    ...(fallbackHosts.length === 0 ? {} : { fallbackHosts }),
    targetSession: readTargetSession(keywords.target_session_attrs, origin),
    tls,
    mustBindChannel: readChannelBinding(keywords.channel_binding, tls, origin),
    connectTimeoutMs: readConnectTimeout(keywords.connect_timeout, origin),
    ...(applicationName === undefined ? {} : { applicationName }),
    origin,
    warnings,
  };
}

function readAddresses(keywords: Keywords, origin: string): HostAddress[] {
  const ports = (keywords.port ?? '').split(',').map((text) => readPort(text, origin));
  const hostaddrs = (keywords.hostaddr ?? '').split(',').map((text) => readHostaddr(text, origin));
  const hosts = keywords.host === undefined ? hostaddrs.map((hostaddr) => hostaddr ?? '') : keywords.host.split(',');
  if (keywords.hostaddr !== undefined && hostaddrs.length !== hosts.length) {
    throw invalid(origin, `expected one hostaddr for each host (${hosts.length}), got ${hostaddrs.length}`);
  }
  if (ports.length > 1 && ports.length !== hosts.length) {
    throw invalid(origin, `expected one port, or as many as hosts (${hosts.length}), got ${ports.length}`);
  }
  return hosts.map((host, i) => {
    const port = (ports.length === 1 ? ports[0] : ports[i]) ?? 5432;
    const hostaddr = hostaddrs[i];
    if (hostaddr === undefined) return { host: host === '' ? defaultHost(port) : host, port };
    return { host: host === '' || host.startsWith('/') ? hostaddr : host, hostaddr, port };
  });
}

function readHostaddr(text: string, origin: string): string | undefined {
  if (text === '' || isIP(text) !== 0) return text === '' ? undefined : text;
  throw invalid(origin, `expected hostaddr to be an IP address, got "${text}"; a name belongs into host`);
}

function readPort(text: string, origin: string): number {
  if (text === '') return 5432;
  const port = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (port >= 1 && port <= 65_535) return port;
  throw invalid(origin, `expected a port from 1 to 65535, got "${text}"`);
}

/** The host of libpq: the local socket where there is one. */
function defaultHost(port: number): string {
  return SOCKET_FOLDERS.find((folder) => existsSync(`${folder}/.s.PGSQL.${port}`)) ?? 'localhost';
}

function passwordOrigin(keywords: Keywords, sources: readonly (readonly [Keywords, string])[]): string | undefined {
  if (keywords.password === undefined) return undefined;
  return sources.find(([source]) => source.password !== undefined)?.[1] ?? 'PGPASSWORD';
}

function readTargetSession(text: string | undefined, origin: string): TargetSession {
  const target = TARGET_SESSIONS.find((known) => known === (text ?? 'any'));
  if (target !== undefined) return target;
  throw invalid(
    origin,
    `expected target_session_attrs to be one of ${TARGET_SESSIONS.join(', ')} (Lamplighter writes), got "${text}"`,
  );
}

function readChannelBinding(text: string | undefined, tls: TlsPlan, origin: string): boolean {
  if (text === undefined || text === 'prefer' || text === 'disable') return false;
  if (text !== 'require')
    throw invalid(origin, `expected channel_binding to be disable, prefer or require, got "${text}"`);
  if (tls.mode === 'disable')
    throw invalid(origin, 'expected an sslmode that encrypts with channel_binding=require, got disable');
  return true;
}

function readConnectTimeout(text: string | undefined, origin: string): number {
  if (text === undefined) return DEFAULT_CONNECT_TIMEOUT_MS;
  if (!/^\s*-?\d+\s*$/.test(text))
    throw invalid(origin, `expected connect_timeout to be a number of seconds, got "${text}"`);
  const seconds = Number(text);
  return seconds <= 0 ? LONGEST_CONNECT_TIMEOUT_MS : Math.max(seconds, 2) * 1_000;
}

function invalid(origin: string, message: string): LamplighterError {
  return new LamplighterError('CONFIG_INVALID', `${origin}: ${message}`);
}
