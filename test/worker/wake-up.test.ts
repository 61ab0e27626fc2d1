import type pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { resolveConnection } from '../../src/db/connection/connection-settings.ts';
import { pgbouncer, startPgbouncer } from '../db/pgbouncer.ts';
import { startProxy } from '../db/wire-proxy.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { createGatedProvider } from '../support/gated-provider.ts';
import { embed, firstValue, generate, rowOf, untilStatus } from '../support/requests.ts';
import { startTestWorker } from '../support/test-worker.ts';

/** So long that nothing in these tests can be due to a look at the end of it. */
const HOUR_MS = 3_600_000;

let db: TestDatabase;
let listener: pg.PoolClient;
let heard: string[];
beforeAll(async () => {
  db = await createTestDatabase();
  listener = await db.pool.connect();
  listener.on('notification', ({ payload = '' }) => heard.push(payload));
  await listener.query('listen lamplighter_wake');
});
beforeEach(() => {
  heard = [];
});
afterEach(() => db.pool.query('delete from steadytext_queue'));
afterAll(async () => {
  await listener.query('unlisten *');
  listener.release();
  await db[Symbol.asyncDispose]();
});

const flag = async () =>
  (
    await db.pool.query<{ is_waiting: boolean; epoch: string }>(
      `select is_waiting, epoch from lamplighter.waiting where topic = 'requests'`,
    )
  ).rows[0];
const untilWaiting = () => eventually(async () => expect(await flag()).toMatchObject({ is_waiting: true }));

/** All wake-ups sent so far: notifications arrive in the order of their commits. */
async function wakeUps(): Promise<string[]> {
  await db.pool.query(`select pg_notify('lamplighter_wake', 'fence')`);
  await eventually(() => expect(heard).toContain('fence'), { intervalMs: 2 });
  return heard.splice(0).filter((payload) => payload !== 'fence');
}

test('an idle worker asks to be woken, and starts what is queued long before its poll interval', async () => {
  await using _ = await startTestWorker({ uri: db.uri, pollIntervalMs: HOUR_MS });
  await untilWaiting();
  const ids = await embed(db.pool, ['wake up']);
  await untilStatus(db.pool, ids, 'completed');
  // Woken once, it asks again.
  expect(await wakeUps()).toHaveLength(1);
  await untilWaiting();
});

test('enqueuers notify nobody when no worker waits', async () => {
  await db.pool.query('update lamplighter.waiting set is_waiting = false');
  await embed(db.pool, ['nobody waits']);
  expect(await wakeUps()).toEqual([]);
});

test('a busy worker is not notified of each request', async () => {
  const gated = createGatedProvider();
  await using _ = await startTestWorker({
    uri: db.uri,
    concurrency: 1,
    functions: ['generate'],
    providers: [gated],
    generateModel: 'gated/model',
  });
  await untilWaiting();
  const first = await generate(db.pool, 'busy');
  const call = await gated.call('busy');
  await wakeUps();
  const ids: string[] = [];
  for (let n = 0; n < 20; n += 1) ids.push(await generate(db.pool, `while busy ${n}`));
  expect(await wakeUps()).toEqual([]);
  call.answer('done');
  for (const n of ids.keys()) (await gated.call(`while busy ${n}`)).answer('done');
  await untilStatus(db.pool, [first, ...ids], 'completed');
});

test('two idle workers are woken by one notification, and both ask again', async () => {
  await using a = await startTestWorker({ uri: db.uri, pollIntervalMs: HOUR_MS });
  await using b = await startTestWorker({ uri: db.uri, pollIntervalMs: HOUR_MS });
  await untilWaiting();
  for (let round = 0; round < 5; round += 1) {
    const ids = await embed(db.pool, [`round ${round}`]);
    await untilStatus(db.pool, ids, 'completed');
    await untilWaiting();
  }
  expect(a.calls.items + b.calls.items).toBe(5);
});

test('a worker that takes the flag down for an old wake-up does not take down the request of another', async () => {
  await using _ = await startTestWorker({ uri: db.uri, pollIntervalMs: HOUR_MS });
  await untilWaiting();
  const { epoch = '0' } = (await flag()) ?? {};
  await db.pool.query(`select lamplighter.request_wake_up('requests')`);
  await db.pool.query(`select lamplighter.confirm_wake_up('requests', $1)`, [epoch]);
  expect(await flag()).toEqual({ is_waiting: true, epoch: String(BigInt(epoch) + 1n) });
  await untilStatus(db.pool, await embed(db.pool, ['still woken']), 'completed');
});

test('a lost flag costs no more than a poll interval', async () => {
  await using _ = await startTestWorker({ uri: db.uri, pollIntervalMs: 300 });
  await untilWaiting();
  await db.pool.query('delete from lamplighter.waiting');
  const ids = await embed(db.pool, ['nobody was told']);
  await untilStatus(db.pool, ids, 'completed', { timeoutMs: 3_000 });
  expect(await wakeUps()).toEqual([]);
});

test('a commit that was decided on before the worker waited is found by looking again', async () => {
  await using tested = await startTestWorker({ uri: db.uri, pollIntervalMs: 300 });
  await untilWaiting();
  const client = await db.pool.connect();
  try {
    await db.pool.query('update lamplighter.waiting set is_waiting = false');
    await client.query('begin');
    const [id = ''] = await embed(client, ['in flight']);
    await untilStatus(db.pool, await embed(db.pool, ['other']), 'completed');
    expect(tested.calls.items).toBe(1);
    await client.query('commit');
    await untilStatus(db.pool, [id], 'completed', { timeoutMs: 3_000 });
  } finally {
    client.release();
  }
});

test('nonsense on the wake channel does no harm', async () => {
  await using tested = await startTestWorker({ uri: db.uri, pollIntervalMs: HOUR_MS });
  await untilWaiting();
  for (const payload of [
    '',
    'x',
    '1',
    'requests:-1',
    `requests:${'9'.repeat(30)}`,
    "requests:1'; drop table steadytext_queue",
  ]) {
    await db.pool.query('select pg_notify($1, $2)', ['lamplighter_wake', payload]);
  }
  await untilStatus(db.pool, await embed(db.pool, ['unharmed']), 'completed');
  expect(tested.warnings()).toEqual([]);
});

test('a thousand requests from eight sessions at once are all found by a worker that asks for few wake-ups', async () => {
  await using tested = await startTestWorker({ uri: db.uri, pollIntervalMs: 1_000 });
  await untilWaiting();
  const batches = await Promise.all(
    Array.from({ length: 100 }, (_, n) =>
      embed(
        db.pool,
        Array.from({ length: 10 }, (__, m) => `many ${n} ${m}`),
      ),
    ),
  );
  await untilStatus(db.pool, batches.flat(), 'completed');
  // Each is sent by all who commit until the worker has run and taken the flag down, however long that takes it.
  expect(new Set(await wakeUps()).size).toBeLessThan(10);
  expect(tested.calls.items).toBe(1_000);
  expect(tested.warnings()).toEqual([]);
});

describe('where notifications do not arrive', () => {
  const uriOf = ({ host, port }: { host: string; port: number }) => {
    const uri = new URL(db.uri);
    uri.host = `${host}:${port}`;
    uri.searchParams.set('sslmode', 'disable');
    return uri.href;
  };
  const server = () => resolveConnection({ uri: db.uri }, {});

  test('the worker polls, and scans soon again after work', async () => {
    // A pooler is found out at once; that notifications are dropped, only after five seconds.
    await using between =
      pgbouncer === undefined
        ? await startProxy(server(), { dropsNotifications: true })
        : await startPgbouncer(server(), 'transaction');
    await using _ = await startTestWorker({ uri: uriOf(between.settings), pollIntervalMs: 1_000 });
    const startedMs = performance.now();
    for (let n = 0; n < 10; n += 1) await untilStatus(db.pool, await embed(db.pool, [`polled ${n}`]), 'completed');
    // Each a second later if it were not for the adaptive interval.
    expect(performance.now() - startedMs).toBeLessThan(4_000);
    // It does not ask to be woken, which could not reach it.
    await db.pool.query('update lamplighter.waiting set is_waiting = false');
    await untilStatus(db.pool, await embed(db.pool, ['and later']), 'completed');
    expect((await flag())?.is_waiting ?? false).toBe(false);
  });

  test.skipIf(pgbouncer === undefined)('everything works behind a transaction pooler', async () => {
    await using pooler = await startPgbouncer(server(), 'transaction');
    await using tested = await startTestWorker({ uri: uriOf(pooler.settings), timeoutMs: 1_000, maxRetries: 0 });
    const ids = await embed(
      db.pool,
      Array.from({ length: 50 }, (_, n) => `pooled ${n}`),
    );
    const late = await generate(db.pool, '!hang');
    // In a batch of its own: both in one would be tried one by one.
    await untilStatus(db.pool, [late], 'processing');
    const cancelled = await generate(db.pool, '!hang until cancelled');
    await untilStatus(db.pool, ids, 'completed');
    await firstValue(db.pool, 'select steadytext_cancel_async($1)', [cancelled]);
    await untilStatus(db.pool, [late], 'failed');
    expect(await rowOf(db.pool, cancelled)).toMatchObject({ status: 'cancelled' });
    expect(tested.warnings()).toMatchObject([{ reason: expect.stringContaining('a transaction pooler') }]);
  });
});
