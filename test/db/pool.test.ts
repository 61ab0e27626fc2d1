import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ConnectionSettings, resolveConnection } from '../../src/db/connection/connection-settings.ts';
import { createPool } from '../../src/db/pool.ts';
import type { Queryable } from '../../src/db/query.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';

let db: TestDatabase;
let settings: ConnectionSettings;
beforeAll(async () => {
  db = await createTestDatabase({ migrated: false });
  settings = resolveConnection({ uri: db.uri }, {});
  await db.pool.query('create table note (text text)');
});
afterAll(() => db[Symbol.asyncDispose]());

const pidOf = async (queryable: Queryable) =>
  (await queryable.query<{ pid: number }>('select pg_backend_pid() as pid')).rows[0]?.pid;

async function sessionsNamed(applicationName: string): Promise<number> {
  const { rows } = await db.pool.query<{ n: number }>(
    'select count(*)::int as n from pg_stat_activity where application_name = $1 and datname = current_database()',
    [applicationName],
  );
  return rows[0]?.n ?? 0;
}

test('one connection serves query after query, also after an SQL error', async () => {
  const pool = createPool(settings);
  const first = await pidOf(pool);
  await expect(pool.query('select 1/0')).rejects.toMatchObject({ code: '22012' });
  expect(await pidOf(pool)).toBe(first);
  await pool.end();
});

test('what runs alone always meets the oldest connection, whatever a rush opened', async () => {
  const pool = createPool(settings);
  const first = await pidOf(pool);
  const rush = await Promise.all([
    pidOf(pool),
    pool.query('select pg_sleep(0.05)'),
    pool.query('select pg_sleep(0.1)'),
  ]);
  expect(rush[0]).toBe(first);
  expect([await pidOf(pool), await pidOf(pool)]).toEqual([first, first]);
  await pool.end();
});

test('there are never more connections than the maximum, and waiters are served', async () => {
  const pool = createPool(settings, { max: 2, applicationName: 'lamplighter test max' });
  const pids = await Promise.all(Array.from({ length: 10 }, () => pidOf(pool)));
  expect(new Set(pids).size).toBeLessThanOrEqual(2);
  expect(await sessionsNamed('lamplighter test max')).toBeLessThanOrEqual(2);
  await pool.end();
  expect(await sessionsNamed('lamplighter test max')).toBe(0);
});

test('waiting for a connection is bounded', async () => {
  const pool = createPool(settings, { max: 1, acquireTimeoutMs: 50 });
  await pool.withClient(async () => {
    await expect(pool.query('select 1')).rejects.toMatchObject({ code: 'TOO_MANY_CONNECTIONS' });
  });
  await expect(pool.query('select 1')).resolves.toBeDefined();
  await pool.end();
});

test('a transaction commits its result and rolls back on an error', async () => {
  const pool = createPool(settings);
  const result = await pool.withTransaction(async (tx) => {
    await tx.query('insert into note values ($1)', ['kept']);
    return 'done';
  });
  const failing = pool.withTransaction(async (tx) => {
    await tx.query('insert into note values ($1)', ['dropped']);
    throw new Error('changed my mind');
  });
  await expect(failing).rejects.toThrow('changed my mind');
  expect(result).toBe('done');
  expect((await pool.query('select text from note')).rows).toEqual([{ text: 'kept' }]);
  await pool.end();
});

test('a transaction in which an error was swallowed does not pretend to have committed', async () => {
  const pool = createPool(settings);
  const doomed = pool.withTransaction(async (tx) => {
    await tx.query('select 1/0').catch(() => undefined);
  });
  await expect(doomed).rejects.toThrow('a statement of the transaction failed');
  await pool.end();
});

test('a transaction that is idle for five seconds, as that of a frozen process, keeps no row from others', async () => {
  const pool = createPool(settings);
  await pool.query("insert into note values ('wanted')");
  const frozen = pool.withTransaction(async (tx) => {
    await tx.query("update note set text = 'kept' where text = 'wanted'");
    const touch = () => db.pool.query("set local lock_timeout = '100ms'; delete from note where text = 'wanted'");
    await expect(touch()).rejects.toMatchObject({ code: '55P03' });
    await eventually(touch, { timeoutMs: 8_000, intervalMs: 200 });
  });
  await expect(frozen).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
  await pool.end();
});

test('a transaction is READ COMMITTED and writes, whatever the role prefers', async () => {
  const role = await db.createRole('careful');
  await db.pool.query(`alter role ${role.name} set default_transaction_isolation = 'serializable'`);
  await db.pool.query(`alter role ${role.name} set default_transaction_read_only = on`);
  const pool = createPool(resolveConnection({ uri: role.uri }, {}));
  const { rows } = await pool.withTransaction((tx) =>
    tx.query(
      "select current_setting('transaction_isolation') as level, current_setting('transaction_read_only') as ro",
    ),
  );
  expect(rows).toEqual([{ level: 'read committed', ro: 'off' }]);
  await pool.end();
});

test('so is a single statement', async () => {
  const role = await db.createRole('strict');
  await db.pool.query(`grant insert on note to ${role.name}`);
  await db.pool.query(`alter role ${role.name} set default_transaction_isolation = 'serializable'`);
  await db.pool.query(`alter role ${role.name} set default_transaction_read_only = on`);
  const pool = createPool(resolveConnection({ uri: role.uri }, {}));
  await pool.query('insert into note values ($1)', ['strict']);
  expect((await pool.query('show transaction_isolation')).rows).toEqual([{ transaction_isolation: 'read committed' }]);
  await pool.end();
});

test('a session that comes back inside a transaction is closed', async () => {
  const pool = createPool(settings);
  const first = await pool.withClient(async (session) => {
    await session.query('begin');
    return session.processId;
  });
  expect(await pidOf(pool)).not.toBe(first);
  await pool.end();
});

test('an unused connection that the server ends is replaced without an error', async () => {
  const pool = createPool(settings);
  const first = await pidOf(pool);
  await db.pool.query('select pg_terminate_backend($1)', [first]);
  await eventually(async () => expect(await pidOf(pool)).not.toBe(first));
  await pool.end();
});

test('a query whose connection dies fails, and all unused connections are dropped with it', async () => {
  const name = 'lamplighter test drop';
  const pool = createPool(settings, { max: 2, applicationName: name });
  await Promise.all([pool.query('select pg_sleep(0.05)'), pool.query('select pg_sleep(0.05)')]);
  expect(await sessionsNamed(name)).toBe(2);
  await expect(pool.query('select pg_terminate_backend(pg_backend_pid())')).rejects.toMatchObject({ code: '57P01' });
  await eventually(async () => expect(await sessionsNamed(name)).toBe(0));
  await expect(pool.query('select 1')).resolves.toBeDefined();
  await pool.end();
});

test('a connection is closed after being unused for a while, down to none', async () => {
  const pool = createPool(settings, { idleTimeoutMs: 50, applicationName: 'lamplighter test idle' });
  await pool.query('select 1');
  await eventually(async () => expect(await sessionsNamed('lamplighter test idle')).toBe(0));
  await pool.end();
});

test('a connection that was ceded is closed and not opened again before it is given back', async () => {
  const pool = createPool(settings, { max: 2, applicationName: 'ceding' });
  const sleeps = () => Promise.all([1, 2, 3].map(() => pool.query('select pg_sleep(0.02)')));
  await sleeps();
  expect(await sessionsNamed('ceding')).toBe(2);
  const giveBack = await pool.cede();
  await eventually(async () => expect(await sessionsNamed('ceding')).toBe(1));
  await sleeps();
  expect(await sessionsNamed('ceding')).toBe(1);
  giveBack();
  await sleeps();
  expect(await sessionsNamed('ceding')).toBe(2);
  await pool.end();
});

test('one is ceded only once it is free', async () => {
  const pool = createPool(settings, { max: 1 });
  let isDone = false;
  const running = pool.query('select pg_sleep(0.05)').then(() => (isDone = true));
  const giveBack = await pool.cede();
  expect(isDone).toBe(true);
  await running;
  giveBack();
  await pool.end();
});

test('end waits for what runs, refuses what comes, and can be called again', async () => {
  const pool = createPool(settings);
  let isDone = false;
  const running = pool.query('select pg_sleep(0.1)').then(() => {
    isDone = true;
  });
  await pool.end();
  expect(isDone).toBe(true);
  await running;
  await pool.end();
  await expect(pool.query('select 1')).rejects.toMatchObject({ code: 'ABORTED' });
});
