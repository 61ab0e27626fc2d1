import type pg from 'pg';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { createGatedProvider } from '../support/gated-provider.ts';
import { embed, firstValue, generate, rowOf, rowsOf, untilStatus } from '../support/requests.ts';
import { startTestWorker } from '../support/test-worker.ts';

let db: TestDatabase;
let client: pg.PoolClient;
beforeAll(async () => {
  db = await createTestDatabase();
  client = await db.pool.connect();
});
afterEach(async () => {
  await client.query('rollback');
  await db.pool.query('delete from steadytext_queue');
});
afterAll(async () => {
  client.release();
  await db[Symbol.asyncDispose]();
});

/** Locks rows as a user's open transaction does. */
async function lock(ids: readonly string[]): Promise<void> {
  await client.query('begin');
  await client.query('select 1 from steadytext_queue where request_id = any ($1) for update', [ids]);
}

test('requests that a user has locked do not keep others from being claimed', async () => {
  const ids = await embed(db.pool, ['locked 1', 'locked 2', 'free 1', 'free 2']);
  await lock(ids.slice(0, 2));
  await using _ = await startTestWorker({ uri: db.uri });
  await untilStatus(db.pool, ids.slice(2), 'completed');
  await client.query('commit');
  await untilStatus(db.pool, ids, 'completed');
});

test('nor do they when they fill all priorities that one scan returns', async () => {
  const locked = await Promise.all(
    Array.from({ length: 20 }, (_, n) => generate(db.pool, 'locked', { priority: 100 + n })),
  );
  const free = await generate(db.pool, 'free', { priority: 0 });
  await lock(locked);
  await using _ = await startTestWorker({ uri: db.uri });
  await untilStatus(db.pool, [free], 'completed');
  await client.query('commit');
  await untilStatus(db.pool, locked, 'completed');
});

test('locked requests do not make a worker spin', async () => {
  await db.pool.query(`alter database ${db.name} set track_functions = 'all'`);
  const ids = await embed(db.pool, ['locked 1', 'locked 2', 'locked 3']);
  await lock(ids);
  await using tested = await startTestWorker({ uri: db.uri, pollIntervalMs: 1_000, heartbeatMs: 200, leaseMs: 5_000 });
  const heartbeats = () =>
    firstValue<string>(db.pool, `select calls from pg_stat_user_functions where funcname = 'renew_lease'`).then(
      Number,
      () => 0,
    );
  // Ten heartbeats are two seconds.
  await eventually(async () => expect(await heartbeats()).toBeGreaterThanOrEqual(10));
  const looks = await firstValue<string>(
    db.pool,
    `select calls from pg_stat_user_functions where funcname = 'list_ready'`,
  );
  // 2, 4, 8 .. 1,000 ms: ten looks in the first second, then one a second, and some at the start.
  expect(Number(looks)).toBeLessThan(25);
  expect(tested.warnings()).toEqual([]);
  await db.pool.query(`alter database ${db.name} reset track_functions`);
});

test('ends of requests that a user has locked are recorded once they are free, and hold up nobody', async () => {
  const gated = createGatedProvider();
  await using tested = await startTestWorker({
    uri: db.uri,
    providers: [gated],
    generateModel: 'gated/model',
    concurrency: 150,
    maxConnections: 4,
    heartbeatMs: 100,
    leaseMs: 1_000,
  });
  const prompts = Array.from({ length: 100 }, (_, n) => `locked ${n}`);
  const locked = await firstValue<string[]>(db.pool, 'select steadytext_generate_batch_async($1)', [prompts]);
  await eventually(() => expect(gated.calls.length).toBe(100));
  await lock(locked);
  for (const call of gated.calls) call.answer('done');

  // Others are claimed and recorded beside them, and the lease is kept, on the one connection there is.
  for (let n = 0; n < 3; n += 1) {
    const other = await embed(db.pool, [`beside ${n}`]);
    await untilStatus(db.pool, other, 'completed', { timeoutMs: 3_000 });
  }
  const { workerId } = tested.worker;
  const lastHeartbeat = () =>
    firstValue<Date>(db.pool, 'select last_heartbeat from steadytext_worker_status() where worker_id = $1', [workerId]);
  const before = await lastHeartbeat();
  await eventually(async () => expect((await lastHeartbeat()).getTime()).toBeGreaterThan(before.getTime() + 1_500));
  expect(new Set((await rowsOf(db.pool, locked)).map(({ status }) => status))).toEqual(new Set(['processing']));

  await client.query('commit');
  const rows = await untilStatus(db.pool, locked, 'completed');
  expect(rows.every(({ attempt, worker_id }) => attempt === 1 && worker_id === workerId)).toBe(true);
  expect(tested.warnings()).toEqual([]);
});

test('a request that was locked and then cancelled stays cancelled', async () => {
  const gated = createGatedProvider();
  await using _ = await startTestWorker({ uri: db.uri, providers: [gated], generateModel: 'gated/model' });
  const id = await generate(db.pool, 'locked, then cancelled');
  const call = await gated.call('locked, then cancelled');
  await client.query('begin');
  await client.query(`update steadytext_queue set status = 'cancelled' where request_id = $1`, [id]);
  call.answer('too late');
  await untilStatus(db.pool, await embed(db.pool, ['beside']), 'completed');
  await client.query('commit');
  expect(await rowOf(db.pool, id)).toMatchObject({ status: 'cancelled', result: null });
});

test('a worker that is stopped while a user holds a lock hands the request to others', async () => {
  const gated = createGatedProvider();
  const tested = await startTestWorker({ uri: db.uri, providers: [gated], generateModel: 'gated/model' });
  const id = await generate(db.pool, 'locked at the stop');
  const call = await gated.call('locked at the stop');
  await lock([id]);
  call.answer('never recorded');
  const startedMs = performance.now();
  await tested.worker.stop({ isImmediate: true });
  expect(performance.now() - startedMs).toBeLessThan(5_000);
  await client.query('commit');
  await using _ = await startTestWorker({ uri: db.uri, heartbeatMs: 100, leaseMs: 1_000 });
  const [row] = await untilStatus(db.pool, [id], 'completed');
  expect(row).toMatchObject({ result: 'locked at the stop', attempt: 2, retry_count: 0 });
});
