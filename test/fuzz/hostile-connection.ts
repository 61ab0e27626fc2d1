import fc from 'fast-check';
import type { ConnectionFlags } from '../../src/db/connection/connection-source.ts';
import { anyText } from './hostile-text.ts';

export interface HostileConnection {
  readonly flags: ConnectionFlags;
  readonly env: Readonly<Record<string, string>>;
}

/** Part of every password; must be in no output. */
export const SECRET = 'geheim8472';

/** A part that is in order, so that the others are looked at, or one that is not. */
function mostly(good: readonly string[], bad: readonly string[]): fc.Arbitrary<string> {
  return fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(...good) },
    { weight: 1, arbitrary: fc.constantFrom(...bad) },
  );
}

/** With characters that people forget to encode, and some encoded wrongly. */
const password = fc
  .tuple(
    mostly(['', 'x', '%41', '@', '#'], ['%', ' ', "'", '\\', ':', '&', '=', '\u{1f56f}', '$']),
    mostly(['', '!', '@'], ['%2', '%zz', "'", '+']),
  )
  .map(([before, after]) => `${before}${SECRET}${after}`);
/** Here the rest of the password stands where host, port or database do: what refuses it must not quote it. */
const brokenPassword = fc
  .constantFrom('p/', '1/', 'p?', '1?', 'p/@', '#/', '@/', '[', ']')
  .map((start) => `${start}${SECRET}`);

const scheme = mostly(
  ['postgresql://', 'postgres://', 'POSTGRES://', ' postgresql://'],
  ['mysql://', 'postgresql:/', 'http://', ''],
);
const host = mostly(
  ['localhost', '', '127.0.0.1', '[::1]', 'a,b', '%2Ftmp', 'é.example'],
  ['::1', 'a:1,b:2', '/tmp', 'a b', '[', 'x'.repeat(300)],
);
const port = mostly(['', ':5432', ':1'], [':0', ':65536', ':-1', ':x', ':5432:5433', ':1e3', ':99999999999999999999']);
const database = mostly(['', '/', '/app', '/é'], ['/a/b', '/%', '/%00', '/%C3', '/a?b']);

/** Keywords with a value each that will do. */
const KEYWORDS: Readonly<Record<string, string>> = {
  sslmode: 'require',
  sslrootcert: 'system',
  host: 'localhost',
  port: '5433',
  dbname: 'app',
  user: 'app',
  connect_timeout: '5',
  application_name: 'mine',
  target_session_attrs: 'primary',
  channel_binding: 'prefer',
  sslnegotiation: 'postgres',
  ssl_min_protocol_version: 'TLSv1.2',
  pgbouncer: 'true',
  schema: 'public',
};
const REFUSED_KEYWORDS = [
  'service',
  'sslcert',
  'sslkey',
  'hostaddr',
  'sslmod',
  'require_auth',
  'passfile',
  'options',
  '__proto__',
  'ssl',
  '',
];
const short = anyText.map((text) => text.slice(0, 200));
const parameter = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(...Object.entries(KEYWORDS)) },
  { weight: 1, arbitrary: fc.tuple(fc.constantFrom(...Object.keys(KEYWORDS), ...REFUSED_KEYWORDS), short) },
);

const uri = fc
  .tuple(
    scheme,
    mostly(['app', 'ä', 'a%40b'], ['', '%', 'a b']),
    fc.oneof({ weight: 6, arbitrary: password }, { weight: 1, arbitrary: brokenPassword }),
    fc.tuple(host, port, database).map((parts) => parts.join('')),
    fc.array(parameter, { maxLength: 2 }),
  )
  .map(([start, user, secret, place, query]) => {
    const tail = query.map(([name, value]) => `${name}=${encodeURI(value.toWellFormed())}`).join('&');
    return `${start}${user}:${secret}@${place}${tail === '' ? '' : '?'}${tail}`;
  });

const pairs = fc
  .tuple(password, fc.array(fc.tuple(parameter, mostly(["='", " = '"], ['=', ' ', "'"])), { maxLength: 3 }))
  .map(([secret, others]) => {
    const quoted = (text: string) => `${text.replace(/[\\']/g, '\\$&')}'`;
    return [
      `password='${quoted(secret)}`,
      ...others.map(([[name, value], sign]) => `${name}${sign}${quoted(value)}`),
    ].join(' ');
  });

const connectionString = fc.oneof(
  { weight: 6, arbitrary: uri },
  { weight: 3, arbitrary: pairs },
  { weight: 1, arbitrary: short },
);

const env = fc.record(
  {
    DATABASE_URL: connectionString,
    LAMPLIGHTER_DIRECT_URL: connectionString,
    PGPASSWORD: password,
    PGHOST: host,
    PGPORT: short,
    PGSSLMODE: fc.constantFrom('require', 'disable', 'x'),
    PGSERVICE: short,
    PGSERVICEFILE: fc.constantFrom('/nowhere', '/dev/null', '/'),
    PGCONNECT_TIMEOUT: short,
    PGOPTIONS: short,
  },
  { requiredKeys: [] },
);

/** Everything by which a program can be told its database, with a password wherever one may stand. */
export const hostileConnection: fc.Arbitrary<HostileConnection> = fc
  .record({
    flags: fc.oneof(
      { weight: 4, arbitrary: fc.record({ uri: connectionString }) },
      { weight: 1, arbitrary: fc.record({ uri: connectionString, directUri: connectionString }) },
      {
        weight: 1,
        arbitrary: fc.record(
          { dbHost: host, dbPort: fc.oneof(port, short), dbName: short, dbUser: short },
          { requiredKeys: [] },
        ),
      },
    ),
    env: fc.oneof({ weight: 3, arbitrary: fc.constant({}) }, { weight: 1, arbitrary: env }),
  })
  .map(({ flags, env: variables }) => ({
    flags,
    // A process cannot hold a NUL in its environment, nor in its arguments.
    env: {
      HOME: '/nowhere',
      ...Object.fromEntries(
        Object.entries(variables).map(([name, value]) => [name, String(value).replaceAll('\0', '')]),
      ),
    },
  }));
