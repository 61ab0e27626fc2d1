import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { resolveConnection } from './connection-settings.ts';
import { namesConnection } from './connection-source.ts';
import { describeConnection, toKeywordValueDsn } from './connection-text.ts';

let home = '';
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'lamplighter-home-'));
});
afterAll(() => rmSync(home, { recursive: true }));

function write(name: string, text: string, mode = 0o600): string {
  const path = join(home, name);
  writeFileSync(path, text, { mode });
  return path;
}
const resolve = (flags: Parameters<typeof resolveConnection>[0], env: Record<string, string> = {}) =>
  resolveConnection(flags, { HOME: home, ...env });

const EVERYTHING = {
  LAMPLIGHTER_URI: 'postgres://lamp/d',
  LAMPLIGHTER_DB_HOST: 'lamp-part',
  DATABASE_URL: 'postgres://url/d',
  PGHOST: 'pg',
};

test.each([
  [{ uri: 'postgres://flag/d', dbHost: 'part' }, EVERYTHING, 'flag', '--uri'],
  [{ dbHost: 'part' }, EVERYTHING, 'part', '--db-host, --db-port, --db-name, --db-user'],
  [{}, EVERYTHING, 'lamp', 'LAMPLIGHTER_URI'],
  [{}, { ...EVERYTHING, LAMPLIGHTER_URI: '' }, 'lamp-part', 'LAMPLIGHTER_DB_*'],
  [{}, { DATABASE_URL: 'postgres://url/d', PGHOST: 'pg' }, 'url', 'DATABASE_URL'],
  [{}, { PGHOST: 'pg' }, 'pg', 'PG* variables'],
])('%j with %j connects to %s', (flags, env, host, origin) => {
  expect(resolve(flags, env)).toMatchObject({ host, origin });
  expect(namesConnection(flags, env)).toBe(true);
});

test('nothing named: the local server, the role of the operating system, and a database of its name', () => {
  const settings = resolve({}, { PGPORT: '1' });
  expect(settings).toMatchObject({ host: 'localhost', port: 1, origin: 'PG* variables' });
  expect(settings.database).toBe(settings.user);
  expect(namesConnection({}, {})).toBe(false);
});

test('an empty flag is refused instead of falling through to another database', () => {
  expect(() => resolve({ uri: '' }, EVERYTHING)).toThrow(/^--uri: expected .*, got an empty text/);
  expect(() => resolve({ uri: '', isProgram: true }, EVERYTHING)).toThrow(/^uri: expected .*, got an empty text/);
  expect(() => resolve({ dbHost: '' }, EVERYTHING)).toThrow(/--db-host/);
});

test('what the URI leaves open comes from PG variables, and what it says wins', () => {
  const env = {
    PGUSER: 'eve',
    PGPASSWORD: 'from-env',
    PGPORT: '6000',
    PGDATABASE: 'other',
    PGSSLMODE: 'disable',
    PGAPPNAME: 'app',
  };
  expect(resolve({ uri: 'postgres://h/d' }, env)).toMatchObject({
    host: 'h',
    port: 6000,
    database: 'd',
    user: 'eve',
    password: 'from-env',
    passwordOrigin: 'PGPASSWORD',
    applicationName: 'app',
    tls: { mode: 'disable' },
  });
  expect(resolve({ uri: 'postgres://bob:x@h:1/d' }, env)).toMatchObject({
    port: 1,
    user: 'bob',
    password: 'x',
    passwordOrigin: '--uri',
  });
});

test('a service comes between the URI and the variables', () => {
  const PGSERVICEFILE = write(
    'services.conf',
    '# comment\n[other]\nhost=o\n[main]\nhost=svc\nport=7000\npassword=secret\n[main]\nhost=late\n',
  );
  expect(resolve({}, { PGSERVICEFILE, PGSERVICE: 'main', PGPORT: '1' })).toMatchObject({
    host: 'svc',
    port: 7000,
    passwordOrigin: 'service "main"',
  });
  expect(resolve({ uri: 'postgres:///d?service=main&port=2' }, { PGSERVICEFILE })).toMatchObject({
    host: 'svc',
    port: 2,
    database: 'd',
  });
  expect(() => resolve({}, { PGSERVICEFILE, PGSERVICE: 'mian' })).toThrow(/did you mean "main"/);
});

test('the service file in the home folder and the one of the system are found', () => {
  write('.pg_service.conf', '[mine]\nhost=a\n');
  write('pg_service.conf', '[ours]\nhost=b\n');
  expect(resolve({}, { PGSERVICE: 'mine' }).host).toBe('a');
  expect(resolve({}, { PGSERVICE: 'ours', PGSYSCONFDIR: home }).host).toBe('b');
});

test('a malformed service file is refused with the line', () => {
  const PGSERVICEFILE = write('bad.conf', 'host=before-any-service\n');
  expect(() => resolve({}, { PGSERVICEFILE, PGSERVICE: 'x' })).toThrow(/bad\.conf, line 1: expected/);
});

test('the passfile gives the password of the first line that matches', () => {
  const PGPASSFILE = write(
    'pass',
    '# comment\nother:*:*:*:no\nh:5432:d:bob:first:with\\:colon\n*:*:*:*:fallback\nlocalhost:*:*:*:socket\n',
  );
  expect(resolve({ uri: 'postgres://bob@h/d' }, { PGPASSFILE })).toMatchObject({
    password: 'first:with:colon',
    passwordOrigin: PGPASSFILE,
  });
  expect(resolve({ uri: 'postgres://bob@h:1/d' }, { PGPASSFILE }).password).toBe('fallback');
  expect(resolve({ uri: 'postgres://bob:uri@h/d' }, { PGPASSFILE }).password).toBe('uri');
  const sockets = write('pass-sockets', 'localhost:*:*:*:socket\n');
  expect(resolve({ uri: 'postgres:///d?host=/tmp' }, { PGPASSFILE: sockets }).password).toBe('socket');
});

test('a passfile that others can read is not used, and that is said', () => {
  const PGPASSFILE = write('pass-open', '*:*:*:*:secret\n', 0o644);
  const settings = resolve({ uri: 'postgres://h/d' }, { PGPASSFILE });
  expect(settings.password).toBeUndefined();
  expect(settings.warnings).toEqual([expect.stringContaining(`chmod 600 ${PGPASSFILE}`)]);
});

test('several hosts are tried in turn, each with its own port and password', () => {
  const PGPASSFILE = write('pass-hosts', 'b:2:*:*:second\n');
  const settings = resolve({ uri: 'postgres://u@a:1,b:2/d?target_session_attrs=read-write' }, { PGPASSFILE });
  expect(settings).toMatchObject({
    host: 'a',
    port: 1,
    fallbackHosts: [{ host: 'b', port: 2, password: 'second' }],
    targetSession: 'read-write',
  });
  expect(() => resolve({ uri: 'host=a,b,c port=1,2' })).toThrow(/as many as hosts \(3\), got 2/);
  expect(() => resolve({ uri: 'postgres://a/d?target_session_attrs=standby' })).toThrow(
    /target_session_attrs to be one of any, read-write, primary/,
  );
});

test('a direct connection from the flag, our variables, or what hosts set beside DATABASE_URL', () => {
  const direct = (flags: object, env: Record<string, string>) => resolve(flags, env).direct?.host;
  const DATABASE_URL = 'postgres://pooled/d';
  expect(direct({ directUri: 'postgres://a/d' }, { DATABASE_URL, LAMPLIGHTER_DIRECT_URL: 'postgres://b/d' })).toBe('a');
  expect(direct({}, { DATABASE_URL, LAMPLIGHTER_DIRECT_URL: 'postgres://b/d', DIRECT_URL: 'postgres://c/d' })).toBe(
    'b',
  );
  expect(direct({}, { DATABASE_URL, DATABASE_URL_UNPOOLED: 'postgres://c/d', DIRECT_URL: 'postgres://e/d' })).toBe('c');
  expect(direct({}, { DATABASE_URL, DIRECT_DATABASE_URL: 'postgres://d/d' })).toBe('d');
  expect(direct({}, { DATABASE_URL, DIRECT_URL: 'postgres://e/d' })).toBe('e');
  expect(direct({ uri: 'postgres://elsewhere/d' }, { DATABASE_URL, DIRECT_URL: 'postgres://e/d' })).toBeUndefined();
});

test('startup options and parameters of other programs are left out with a warning', () => {
  const { warnings } = resolve(
    { uri: 'postgres://h/d?pgbouncer=true&schema=public&options=-csearch_path%3Dx' },
    { PGOPTIONS: '-c x=y' },
  );
  expect(warnings).toEqual([
    expect.stringContaining('"pgbouncer"'),
    expect.stringContaining('"schema"'),
    expect.stringMatching(/^--uri: startup options are not sent/),
    expect.stringMatching(/^PGOPTIONS: startup options are not sent/),
  ]);
});

test.each([
  ['postgres://h/d?sslmod=verify-full', 'unknown connection parameter "sslmod" (did you mean "sslmode"?)'],
  ['postgres://h/d?requirepeer=postgres', '"requirepeer" is not supported'],
  ['postgres://h/d?gssencmode=require', '"gssencmode" is not supported'],
  ['postgres://h/d?sslmode=verify-fill', 'got "verify-fill" (did you mean "verify-full"?)'],
  ['postgres://h/d?connect_timeout=soon', 'connect_timeout'],
  ['postgres://h/d?channel_binding=yes', 'channel_binding'],
  ['postgres://h:70000/d', 'expected a port from 1 to 65535, got "70000"'],
])('%s is refused', (uri, message) => {
  expect(() => resolve({ uri })).toThrow(message);
});

test.each([
  [undefined, 10_000],
  ['5', 5_000],
  ['1', 2_000],
  ['0', 60_000],
])('connect_timeout=%s waits %i ms', (text, ms) => {
  expect(
    resolve({ uri: text === undefined ? 'postgres://h' : `postgres://h?connect_timeout=${text}` }).connectTimeoutMs,
  ).toBe(ms);
});

test('the description for people has no password', () => {
  const describe = (uri: string) => describeConnection(resolve({ uri }));
  expect(describe('postgres://bob:secret@h:1/d')).toBe('bob@h:1/d');
  expect(describe('postgres://bob:secret@a:1,b:2/d')).toBe('bob@a:1,b:2/d');
  expect(describe('postgres://bob@[::1]/d')).toBe('bob@[::1]:5432/d');
  expect(describe('postgres://bob@/d?host=/tmp')).toBe('bob@[/tmp]:5432/d');
});

test('the keyword form quotes every value and reads back as the same connection', () => {
  const uri = "host=a,b port=1,2 dbname='my db' user=bob password='it\\'s \\\\ odd' sslmode=require";
  const settings = resolve({ uri });
  const dsn = toKeywordValueDsn(settings);
  expect(dsn).toContain("dbname='my db'");
  expect(dsn).toContain("password='it\\'s \\\\ odd'");
  expect(resolve({ uri: dsn })).toEqual(settings);
});

test('hostaddr is where to connect, and host the name that certificates and the passfile go by', () => {
  const passfile = write('pgpass-hostaddr', 'db.example:*:*:*:by name\n10.0.0.9:*:*:*:by address\n');
  const connect = (uri: string, env: Record<string, string> = {}) => resolve({ uri }, { PGPASSFILE: passfile, ...env });
  const named = { host: 'db.example', hostaddr: '10.0.0.9', port: 5432, password: 'by name' };
  expect(connect('postgres://u@db.example/d?hostaddr=10.0.0.9')).toMatchObject(named);
  expect(connect('host=db.example hostaddr=10.0.0.9 user=u')).toMatchObject(named);
  expect(connect('postgres://u@db.example/d', { PGHOSTADDR: '10.0.0.9' })).toMatchObject(named);
  const bare = { host: '10.0.0.9', hostaddr: '10.0.0.9', password: 'by address' };
  expect(connect('postgres://u@/d?hostaddr=10.0.0.9')).toMatchObject(bare);
  expect(connect('host=/tmp hostaddr=10.0.0.9 user=u')).toMatchObject(bare);
  expect(connect('postgres://u@a,b:6000/d?hostaddr=,::1')).toMatchObject({
    host: 'a',
    fallbackHosts: [{ host: 'b', hostaddr: '::1', port: 6000 }],
  });
  expect(connect('postgres://u@a/d')).not.toHaveProperty('hostaddr');
  expect(toKeywordValueDsn(connect('host=db.example hostaddr=10.0.0.9 user=u'))).toContain(
    `host='db.example' hostaddr='10.0.0.9'`,
  );
});

test.each([
  ['host=a,b hostaddr=::1', 'expected one hostaddr for each host (2), got 1'],
  ['host=a hostaddr=b.example', 'expected hostaddr to be an IP address, got "b.example"; a name belongs into host'],
])('%s is refused', (uri, message) => {
  expect(() => resolve({ uri })).toThrow(`--uri: ${message}`);
});
