import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import type { ConnectionSettings } from '../../db/connection/connection-settings.ts';
import { resolveJobConnection } from './job-connection.ts';

/** A home that holds everything that libpq would pick up by itself. */
const home = mkdtempSync(join(tmpdir(), 'lamplighter-home-'));
mkdirSync(join(home, '.postgresql'));
for (const file of ['root.crt', 'postgresql.crt', 'postgresql.key']) {
  writeFileSync(join(home, '.postgresql', file), 'SECRET PEM');
}
writeFileSync(join(home, '.pgpass'), '*:*:*:*:secret-of-passfile');
writeFileSync(join(home, '.pg_service.conf'), '[prod]\nhost=prod\nuser=admin\npassword=secret-of-service\n');
chmodSync(join(home, '.pgpass'), 0o600);
afterAll(() => rmSync(home, { recursive: true }));

const ENV = {
  HOME: home,
  PGPASSWORD: 'secret-of-environment',
  PGSERVICE: 'prod',
  PGHOST: 'elsewhere',
  OPENAI_API_KEY: 'sk-secret',
  DATABASE_URL: 'postgresql://owner:secret-of-url@db.example/app',
  LAMPLIGHTER_DIRECT_URL: 'postgresql://owner@direct.example/app',
  LAMPLIGHTER_DB_SHOP: 'postgresql://shop:pw@shop.example/shop',
  LAMPLIGHTER_DB_USER: 'owner',
};
const MAIN: ConnectionSettings = {
  host: 'db.example',
  port: 5432,
  user: 'owner',
  database: 'app',
  password: 'secret-of-main',
};
const resolve = (text: string | undefined, main = MAIN, allowedHosts: readonly string[] = []) =>
  resolveJobConnection(text, { main, env: ENV, allowedHosts });

test.each([undefined, '', '  '])('%j is the database of the jobs table', (text) => {
  expect(resolve(text)).toBe(MAIN);
});

test('env:NAME is the connection string that the operator put there, with what libpq adds to it', () => {
  const settings = resolve('env:LAMPLIGHTER_DB_SHOP', MAIN, []);
  expect(settings).toMatchObject({ host: 'shop.example', user: 'shop', password: 'pw', origin: 'LAMPLIGHTER_DB_SHOP' });
  expect(settings.direct).toBeUndefined();
});

describe('a row reads no variable of the daemon', () => {
  test.each([
    'env:PATH',
    'env:DATABASE_URL',
    'env:PGPASSWORD',
    'env:OPENAI_API_KEY',
    'env:LAMPLIGHTER_DB_USER',
    'env:LAMPLIGHTER_DIRECT_URL',
    'env:lamplighter_db_shop',
    'env:LAMPLIGHTER_DB_SHOP\n,DATABASE_URL',
    'env:__proto__',
    'env:',
    ' env:PATH',
  ])('%s', (text) => {
    expect(() => resolve(text)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
    expect(() => resolve(text)).toThrow(/env:NAME takes variables whose names begin with LAMPLIGHTER_DB_ only/);
  });

  test('one that is not set is said, and nothing else', () => {
    expect(() => resolve('env:LAMPLIGHTER_DB_NONE')).toThrow(/LAMPLIGHTER_DB_NONE is not set/);
  });
});

describe('a connection string of a row gets nothing of the daemon', () => {
  test.each([
    'postgresql://ann:own@db.example/app',
    'postgresql://ann@db.example/app',
    'host=db.example user=ann dbname=app',
    'postgresql://ann@db.example/app?sslmode=require',
    'postgresql://ann@db.example/app?sslmode=verify-full',
  ])('%s', (text) => {
    const settings = resolve(text);
    expect(JSON.stringify(settings)).not.toMatch(/secret|SECRET|elsewhere|prod/);
    expect(settings.tls?.options).not.toHaveProperty('key');
    expect(settings.tls?.options).not.toHaveProperty('cert');
    expect(settings.password).toBe(text.includes(':own@') ? 'own' : undefined);
  });

  test.each(['passfile', 'service', 'sslrootcert', 'sslcert', 'sslkey', 'sslpassword', 'hostaddr'])(
    '%s is refused',
    (name) => {
      const value = name === 'hostaddr' ? '10.0.0.1' : join(home, '.pgpass');
      const text = `postgresql://ann@db.example/app?${name}=${encodeURIComponent(value)}`;
      expect(() => resolve(text)).toThrow(`the connection parameter "${name}" is not allowed in a table`);
    },
  );

  test.each([
    ['no role', 'postgresql://db.example/app', /role name/],
    ['no host', 'postgresql://ann@/app', /host name/],
    ['one host of two', 'postgresql://ann@db.example,/app', /host name/],
    ['no host in pairs', 'user=ann dbname=app', /host name/],
    ['a path', '/etc/passwd', /expected postgresql/],
    ['another scheme', 'file:///etc/passwd', /starts with file/],
  ])('%s', (_, text, message) => {
    expect(() => resolve(text)).toThrow(message);
  });

  test('a password is in no message', () => {
    for (const text of [
      'postgresql://ann:pass-word@evil.example/x',
      'postgresql://ann:pass-word@db.example/a?ssl_x=1',
    ]) {
      expect(() => resolve(text)).toThrow(
        expect.objectContaining({ message: expect.not.stringContaining('pass-word') }),
      );
    }
  });
});

describe('a row leads to no other host', () => {
  const other = (host: string) => `postgresql://ann:pw@${host}/app`;

  test.each([
    'evil.example',
    '169.254.169.254',
    'db.example,evil.example',
    'db.example.evil.example',
    '[::1]',
    '%2Fvar%2Frun%2Fpostgresql',
  ])('%s', (host) => {
    expect(() => resolve(other(host))).toThrow(/is not the one of the jobs table/);
  });

  test.each(['db.example', 'DB.example', 'db.example.', 'db.example:6543', 'db.example,db.example'])(
    '%s is the same',
    (host) => {
      expect(resolve(other(host)).user).toBe('ann');
    },
  );

  test('the names of this machine are one host', () => {
    expect(resolve(other('127.0.0.1'), { ...MAIN, host: 'localhost' }).host).toBe('127.0.0.1');
  });

  test('a socket lets in whom the daemon runs as, so that its own is not taken for granted', () => {
    const main = { ...MAIN, host: '/var/run/postgresql' };
    expect(() => resolve(other('%2Fvar%2Frun%2Fpostgresql'), main)).toThrow(/--allow-host|is not the one/);
    expect(resolve(other('%2Fvar%2Frun%2Fpostgresql'), main, ['/var/run/postgresql/']).host).toBe(
      '/var/run/postgresql',
    );
  });

  test('unless it is allowed', () => {
    expect(resolve(other('two.example'), MAIN, ['one.example', 'TWO.example']).host).toBe('two.example');
  });
});
