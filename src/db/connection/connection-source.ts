import type { Env } from '../../core/env.ts';
import { LamplighterError } from '../../core/errors.ts';
import { parseConnectionString } from './connection-string.ts';

/** The connection flags of every command, as texts from the command line. */
export interface ConnectionFlags {
  readonly uri?: string | undefined;
  readonly dbHost?: string | undefined;
  readonly dbPort?: string | number | undefined;
  readonly dbName?: string | undefined;
  readonly dbUser?: string | undefined;
  readonly directUri?: string | undefined;
  /** A program gives `uri` and `directUri`, and messages call them so. @default the flags */
  readonly isProgram?: boolean;
}

export interface ConnectionSource {
  readonly pairs: Iterable<readonly [string, string]>;
  /** Names the flag or variable in messages. */
  readonly origin: string;
}

const NO_CONNECTION = 'default';
/** Set by hosts beside DATABASE_URL, so they belong to that database and to no other. */
const DIRECT_COMPANIONS = ['DATABASE_URL_UNPOOLED', 'DIRECT_DATABASE_URL', 'DIRECT_URL'];
const NAMING_VARIABLES = ['PGHOST', 'PGPORT', 'PGDATABASE', 'PGUSER', 'PGSERVICE'];

/** Which of flags and environment names the connection, and which the way around a pooler; the first of the documented order wins. */
export function findSource(
  flags: ConnectionFlags,
  env: Env,
): { main: ConnectionSource; direct: ConnectionSource | undefined } {
  const main = findMain(flags, env);
  const direct = findText([
    [flags.isProgram === true ? 'directUri' : '--direct-uri', flags.directUri],
    ...['LAMPLIGHTER_DIRECT_URL', 'LAMPLIGHTER_DIRECT_URI'].map((name) => [name, env[name]] as const),
    ...(main.origin === 'DATABASE_URL' ? DIRECT_COMPANIONS.map((name) => [name, env[name]] as const) : []),
  ]);
  return { main, direct };
}

/** True when a flag or variable names a database; otherwise there are only libpq's defaults to go by. */
export function namesConnection(flags: ConnectionFlags, env: Env): boolean {
  return findMain(flags, env).origin !== NO_CONNECTION;
}

function findMain(flags: ConnectionFlags, env: Env): ConnectionSource {
  return (
    findText([[flags.isProgram === true ? 'uri' : '--uri', flags.uri]]) ??
    findParts('--db-host, --db-port, --db-name, --db-user', [flags.dbHost, flags.dbPort, flags.dbName, flags.dbUser]) ??
    findText([['LAMPLIGHTER_URI', env['LAMPLIGHTER_URI']]]) ??
    findParts(
      'LAMPLIGHTER_DB_*',
      ['HOST', 'PORT', 'NAME', 'USER'].map((part) => env[`LAMPLIGHTER_DB_${part}`]),
    ) ??
    findText([['DATABASE_URL', env['DATABASE_URL']]]) ?? {
      pairs: [],
      origin: NAMING_VARIABLES.some((name) => (env[name] ?? '') !== '') ? 'PG* variables' : NO_CONNECTION,
    }
  );
}

function findText(candidates: readonly (readonly [string, string | undefined])[]): ConnectionSource | undefined {
  for (const [origin, text] of candidates) {
    // An empty variable is unset; an empty flag is a shell variable gone missing, and falling through would reach another database.
    if (text === undefined || (text === '' && /^[A-Z]/.test(origin))) continue;
    return { pairs: parseConnectionString(text, origin), origin };
  }
  return undefined;
}

function findParts(origin: string, values: readonly (string | number | undefined)[]): ConnectionSource | undefined {
  const pairs: [string, string][] = [];
  for (const [i, keyword] of ['host', 'port', 'dbname', 'user'].entries()) {
    const value = values[i];
    if (value === '' && origin.startsWith('--')) {
      throw new LamplighterError(
        'CONFIG_INVALID',
        `${origin}: expected a value for each, got an empty one for ${keyword}`,
      );
    }
    if (value !== undefined && value !== '') pairs.push([keyword, String(value)]);
  }
  return pairs.length === 0 ? undefined : { pairs, origin };
}
