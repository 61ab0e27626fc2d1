import type { Env } from '../../core/env.ts';
import { LamplighterError } from '../../core/errors.ts';
import { didYouMean } from '../../core/suggest.ts';

/** libpq's connection keywords that Lamplighter acts on, with libpq's environment variable for each. */
const USED = {
  host: 'PGHOST',
  hostaddr: 'PGHOSTADDR',
  port: 'PGPORT',
  dbname: 'PGDATABASE',
  user: 'PGUSER',
  password: 'PGPASSWORD',
  passfile: 'PGPASSFILE',
  service: 'PGSERVICE',
  sslmode: 'PGSSLMODE',
  sslrootcert: 'PGSSLROOTCERT',
  sslcert: 'PGSSLCERT',
  sslkey: 'PGSSLKEY',
  sslpassword: undefined,
  sslnegotiation: 'PGSSLNEGOTIATION',
  ssl_min_protocol_version: 'PGSSLMINPROTOCOLVERSION',
  ssl_max_protocol_version: 'PGSSLMAXPROTOCOLVERSION',
  channel_binding: 'PGCHANNELBINDING',
  connect_timeout: 'PGCONNECT_TIMEOUT',
  application_name: 'PGAPPNAME',
  fallback_application_name: undefined,
  target_session_attrs: 'PGTARGETSESSIONATTRS',
} as const;

export type Keyword = keyof typeof USED;
export type Keywords = Readonly<Partial<Record<Keyword, string>>>;

const KEYWORDS = Object.keys(USED) as Keyword[]; // Object.keys forgets the literal type

/** What these ask for is the case anyway, or cannot matter to a client that is not libpq. */
const HARMLESS = new Set(
  (
    'client_encoding keepalives keepalives_idle keepalives_interval keepalives_count tcp_user_timeout load_balance_hosts ' +
    'sslcompression sslsni gsslib krbsrvname gssdelegation uselibpqcompat'
  ).split(' '),
);

/** These restrict whom to trust; without them the connection would be weaker than was asked for. */
const REFUSED = new Set(['requirepeer', 'require_auth', 'sslcrl', 'sslcrldir', 'sslcertmode', 'replication']);

export interface ReadKeywords {
  readonly keywords: Keywords;
  /** What was left out, for people. */
  readonly warnings: readonly string[];
}

/**
 * Divides the parameters of a connection string or service file into used and ignored ones. Restrictions that cannot be met and misspelt
 * names are refused; parameters of other programs (`pgbouncer`, `schema`) are ignored with a warning.
 */
export function readKeywords(pairs: Iterable<readonly [string, string]>, origin: string): ReadKeywords {
  const keywords: Partial<Record<Keyword, string>> = {};
  const warnings: string[] = [];
  for (const [name, value] of pairs) {
    const known = KEYWORDS.find((keyword) => keyword === name);
    if (value === '' || HARMLESS.has(name)) continue;
    if (known !== undefined) keywords[known] = value;
    else if (name === 'ssl') keywords.sslmode ??= /^(true|1)$/i.test(value) ? 'require' : 'disable';
    else if (name === 'gssencmode' && value !== 'require') continue;
    else if (name === 'options') warnings.push(optionsWarning(origin));
    else if (REFUSED.has(name) || name === 'gssencmode') throw notSupported(name, origin);
    else if (name.startsWith('ssl') || didYouMean(name, KEYWORDS) !== '') throw unknownKeyword(name, origin);
    else warnings.push(`${origin}: the parameter "${name}" is not one of PostgreSQL's and is ignored`);
  }
  return { keywords, warnings };
}

/** What libpq's environment variables say. */
export function readVariables(env: Env): ReadKeywords {
  const keywords: Partial<Record<Keyword, string>> = {};
  for (const keyword of KEYWORDS) {
    const variable = USED[keyword];
    const value = variable === undefined ? undefined : env[variable];
    if (value !== undefined && value !== '') keywords[keyword] = value;
  }
  for (const [variable, name] of [
    ['PGREQUIREPEER', 'requirepeer'],
    ['PGREQUIREAUTH', 'require_auth'],
    ['PGSSLCRL', 'sslcrl'],
  ] as const) {
    if ((env[variable] ?? '') !== '') throw notSupported(name, variable);
  }
  return { keywords, warnings: (env['PGOPTIONS'] ?? '') === '' ? [] : [optionsWarning('PGOPTIONS')] };
}

// Connection poolers refuse startup parameters that they do not know, so that one URI would work and the next would not.
function optionsWarning(origin: string): string {
  return `${origin}: startup options are not sent, as connection poolers refuse them; use ALTER ROLE ... SET instead`;
}

function notSupported(name: string, origin: string): LamplighterError {
  return new LamplighterError(
    'CONFIG_INVALID',
    `${origin}: the connection parameter "${name}" is not supported; remove it to connect without`,
  );
}

function unknownKeyword(name: string, origin: string): LamplighterError {
  return new LamplighterError(
    'CONFIG_INVALID',
    `${origin}: unknown connection parameter "${name}"${didYouMean(name, KEYWORDS)}`,
  );
}
