import type { Env } from '../../core/env.ts';
import { LamplighterError } from '../../core/errors.ts';
import {
  type ConnectionSettings,
  resolveConnectionString,
  resolveForeignConnection,
} from '../../db/connection/connection-settings.ts';

export interface JobConnectionOptions {
  /** The database that holds the jobs table. */
  readonly main: ConnectionSettings;
  readonly env: Env;
  /** Hosts, and folders of sockets, that a connection string in the table may name besides the main one's host. */
  readonly allowedHosts: readonly string[];
}

const ORIGIN = 'db_connection';
const VARIABLE = /^LAMPLIGHTER_DB_[A-Za-z0-9_]+$/;
/** Parts of the daemon's own connection. */
const OWN_PARTS = ['LAMPLIGHTER_DB_HOST', 'LAMPLIGHTER_DB_PORT', 'LAMPLIGHTER_DB_NAME', 'LAMPLIGHTER_DB_USER'];
const LOOPBACK = ['localhost', '127.0.0.1', '::1'];

/**
 * The database of a job. A role that writes the table must not gain the daemon's rights: a connection string there uses nothing of the
 * daemon's environment, files or operating system user, and may lead only to the host of the jobs table or to an allowed one. `env:NAME` is
 * the operator's own text.
 *
 * @param text as it stands in the row, secret; undefined or blank means the database of the jobs table.
 * @throws LamplighterError CONFIG_INVALID with a sentence that may be written into the row.
 */
export function resolveJobConnection(text: string | undefined, options: JobConnectionOptions): ConnectionSettings {
  const { main, env, allowedHosts } = options;
  if (text === undefined || text.trim() === '') return main;
  const variable = /^\s*env:(.*?)\s*$/s.exec(text)?.[1];
  if (variable !== undefined) return resolveConnectionString(readVariable(variable, env), variable, env);
  const settings = resolveForeignConnection(text, ORIGIN);
  const allowed = [...hostsOf(main).filter((host) => !host.startsWith('/')), ...allowedHosts].flatMap(sameHosts);
  const stranger = hostsOf(settings).find((host) => !sameHosts(host).some((name) => allowed.includes(name)));
  if (stranger === undefined) return settings;
  throw refused(
    `the host "${stranger}" is not the one of the jobs table`,
    `If connections there are wanted, start the daemon with --allow-host ${stranger}.`,
  );
}

function readVariable(name: string, env: Env): string {
  if (!VARIABLE.test(name) || OWN_PARTS.includes(name)) {
    throw refused(
      "env:NAME takes variables whose names begin with LAMPLIGHTER_DB_ only, and none that is part of the daemon's own connection",
      'Put the connection string into such a variable of the daemon, e.g. LAMPLIGHTER_DB_SHOP.',
    );
  }
  const text = env[name];
  if (text !== undefined) return text;
  throw refused(`the variable ${name} is not set where the daemon runs`, 'Set it, and start the daemon again.');
}

function hostsOf({ host, fallbackHosts = [] }: ConnectionSettings): string[] {
  return [host, ...fallbackHosts.map((other) => other.host)];
}

/** The names under which a host counts as the same. */
function sameHosts(host: string): readonly string[] {
  if (host.startsWith('/')) return [host.replace(/(?<=.)\/+$/, '')];
  const name = host.toLowerCase().replace(/\.$/, '');
  return LOOPBACK.includes(name) ? LOOPBACK : [name];
}

function refused(reason: string, hint: string): LamplighterError {
  return new LamplighterError('CONFIG_INVALID', `${ORIGIN}: ${reason}`, { hint });
}
