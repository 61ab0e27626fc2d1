import { afterAll, beforeAll, expect, test } from 'vitest';
import { connectClient } from '../../src/db/connection/connect-client.ts';
import { type ConnectionSettings, resolveConnection } from '../../src/db/connection/connection-settings.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

let db: TestDatabase;
let settings: ConnectionSettings;
beforeAll(async () => {
  db = await createTestDatabase({ migrated: false });
  settings = resolveConnection({ uri: db.uri }, {});
});
afterAll(() => db[Symbol.asyncDispose]());

async function failureOf(changed: Partial<ConnectionSettings>) {
  try {
    const session = await connectClient({ ...settings, ...changed });
    await session.end();
  } catch (error) {
    return error;
  }
  throw new Error('expected the connection to fail');
}

test('a session answers, knows its backend and gives rows of the last of several statements', async () => {
  const session = await connectClient(settings, { applicationName: 'lamplighter test session' });
  const { rows } = await session.query<{ pid: number; name: string; big: string; at: Date; list: number[] }>(
    `select pg_backend_pid() as pid, current_setting('application_name') as name, 9007199254740993::int8 as big,
       now() as at, array[0.5, 0.25]::float4[] as list`,
  );
  expect(rows).toEqual([
    {
      pid: session.processId,
      name: 'lamplighter test session',
      big: '9007199254740993',
      at: expect.any(Date),
      list: [0.5, 0.25],
    },
  ]);
  expect(await session.query('select 1 as a; select $$2$$ as b')).toEqual({ rows: [{ b: '2' }] });
  await session.end();
  await session.end();
  await expect(session.query('select 1')).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
});

test('queries of one session run one after the other', async () => {
  const session = await connectClient(settings);
  const answers = await Promise.all([1, 2, 3].map((n) => session.query<{ n: number }>('select $1::int as n', [n])));
  expect(answers.map(({ rows }) => rows[0]?.n)).toEqual([1, 2, 3]);
  await session.end();
});

test('a wrong password names the role and where the password came from, never the password', async () => {
  const role = await db.createRole();
  const wrong = resolveConnection({ uri: role.uri.replace(/:[^:@/]+@/, ':wr0ng@') }, {});
  const error = await connectClient(wrong).catch((caught: unknown) => caught);
  expect(error).toMatchObject({ code: 'AUTHENTICATION_FAILED', cause: { code: '28P01' } });
  expect(String(error)).toContain(`role "${role.name}" (from --uri)`);
  expect(String(error)).not.toContain('wr0ng');
});

test('no password where one is asked for says where to put one', async () => {
  const { password, ...rest } = settings;
  expect(password).toBeDefined();
  const error = await connectClient(rest).catch((caught: unknown) => caught);
  expect(error).toMatchObject({ code: 'AUTHENTICATION_FAILED', message: expect.stringContaining('none was given') });
});

test('a database that is not there is named', async () => {
  expect(await failureOf({ database: 'no_such_database' })).toMatchObject({
    code: 'DATABASE_NOT_FOUND',
    message: expect.stringContaining('"no_such_database"'),
  });
});

test('a role that may not log in is told what the server said', async () => {
  const role = await db.createRole('locked', { login: false });
  const { password, user } = resolveConnection({ uri: role.uri }, {});
  expect(await failureOf({ user, ...(password === undefined ? {} : { password }) })).toMatchObject({
    code: 'AUTHENTICATION_FAILED',
    message: expect.stringContaining('not permitted to log in'),
  });
});

test('a port where nothing listens is named', async () => {
  expect(await failureOf({ host: '127.0.0.1', port: 1 })).toMatchObject({
    code: 'CONNECTION_REFUSED',
    message: 'Nothing listens at 127.0.0.1:1',
  });
});

test('demanding encryption from a server without it fails, preferring it does not', async () => {
  const tls = (mode: 'require' | 'prefer') => ({
    mode,
    negotiation: 'postgres' as const,
    options: { rejectUnauthorized: false },
  });
  expect(await failureOf({ tls: tls('require') })).toMatchObject({ code: 'TLS_FAILED' });
  const session = await connectClient({ ...settings, tls: tls('prefer') });
  await session.end();
});

test('the first host that answers and can write is taken', async () => {
  const fallbackHosts = [
    {
      host: settings.host,
      port: settings.port,
      ...(settings.password === undefined ? {} : { password: settings.password }),
    },
  ];
  const session = await connectClient({ ...settings, port: 1, fallbackHosts, targetSession: 'read-write' });
  expect(session.isOpen).toBe(true);
  await session.end();
});

test('a session that the server ends says so once, and its query fails as lost or with what the server said', async () => {
  const session = await connectClient(settings);
  const closed = new Promise((resolve) => session.onClose(resolve));
  await db.pool.query('select pg_terminate_backend($1)', [session.processId]);
  expect(await closed).toMatchObject({ code: '57P01' });
  expect(session.isOpen).toBe(false);
  await expect(session.query('select 1')).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
});

test('an answer that does not come in time ends the session', async () => {
  const session = await connectClient(settings, { queryTimeoutMs: 100 });
  await expect(session.query('select pg_sleep(60)')).rejects.toMatchObject({
    code: 'CONNECTION_LOST',
    message: expect.stringContaining('no answer within 0.1 s'),
  });
  expect(session.isOpen).toBe(false);
  await db.pool.query('select pg_terminate_backend($1)', [session.processId]);
});

test('an error of the server leaves the session usable', async () => {
  const session = await connectClient(settings);
  await expect(session.query('select 1/0')).rejects.toMatchObject({ code: '22012' });
  expect(await session.query('select 1 as one')).toEqual({ rows: [{ one: 1 }] });
  await session.end();
});
