import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { resolveConnection } from './connection-settings.ts';
import { parseRoleConnection, settingsForRole } from './role-connection.ts';

let home = '';
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'lamplighter-roles-'));
  writeFileSync(
    join(home, '.pgpass'),
    'h:5432:d:ann:from-file\nh2:5433:d:ann:from-file-2\nlocalhost:*:*:bob:bob-file\n',
    { mode: 0o600 },
  );
});
afterAll(() => rmSync(home, { recursive: true }));
const resolve = (uri: string, env: Record<string, string> = {}) => resolveConnection({ uri }, { HOME: home, ...env });
const parse = (text: string, options: { role?: string; place?: string; env?: Record<string, string> } = {}) =>
  parseRoleConnection(text, {
    origin: '--task-role',
    place: resolve(options.place ?? 'postgres://wrk:own@h/d?sslmode=require'),
    env: { HOME: home, ...options.env },
    ...(options.role === undefined ? {} : { role: options.role }),
  });

test('another role logs in at the same place with the passfile, and never with the password of the worker', () => {
  const settings = resolve('postgres://wrk:own@h,h2:5433,h3/d?sslmode=require');
  expect(settingsForRole(settings, 'ann')).toMatchObject({
    host: 'h',
    database: 'd',
    user: 'ann',
    password: 'from-file',
    passwordOrigin: join(home, '.pgpass'),
    tls: { mode: 'require' },
    fallbackHosts: [
      { host: 'h2', port: 5433, password: 'from-file-2' },
      { host: 'h3', port: 5432 },
    ],
  });
  const unknown = settingsForRole(settings, 'carl');
  expect([unknown.password, unknown.passwordOrigin, unknown.fallbackHosts?.[0]?.password]).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
});

test('a password that is given wins over the passfile, at every host', () => {
  const settings = settingsForRole(resolve('postgres://wrk:own@h,h2:5433/d'), 'ann', 'token');
  expect(settings).toMatchObject({ password: 'token', fallbackHosts: [{ password: 'token' }] });
});

test('what the string of a role leaves open comes from the place of the worker, but no password', () => {
  const env = { PGPASSWORD: 'own', PGUSER: 'wrk' };
  expect(parse('postgres://bob:secret@/', { role: 'ann', env })).toMatchObject({
    host: 'h',
    port: 5432,
    database: 'd',
    user: 'bob',
    password: 'secret',
    tls: { mode: 'require' },
  });
  expect(parse('sslmode=disable', { role: 'ann', env })).toMatchObject({
    user: 'ann',
    password: 'from-file',
    tls: { mode: 'disable' },
  });
  expect(parse('host=localhost', { role: 'bob', env })).toMatchObject({
    host: 'localhost',
    database: 'd',
    password: 'bob-file',
  });
  expect(parse('host=h9', { role: 'bob', env }).password).toBeUndefined();
});

test('a string without a user needs a role', () => {
  expect(() => parse('host=h')).toThrow('--task-role: expected a connection string that names a user');
});
