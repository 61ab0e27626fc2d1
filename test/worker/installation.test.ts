import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { embed, firstValue, untilStatus } from '../support/requests.ts';
import { type LocalWorkerOptions, spawnWorker, startTestWorker, type TestWorker } from '../support/test-worker.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
});
afterEach(() =>
  db.pool.query('delete from steadytext_queue; delete from lamplighter.duty; delete from lamplighter.worker'),
);
afterAll(() => db[Symbol.asyncDispose]());

async function startWorkers(count: number, options: LocalWorkerOptions): Promise<AsyncDisposable> {
  const workers: TestWorker[] = [];
  for (let n = 0; n < count; n += 1) workers.push(await startTestWorker(options));
  return {
    async [Symbol.asyncDispose]() {
      await Promise.all(workers.map((worker) => worker[Symbol.asyncDispose]()));
    },
  };
}

const holder = (name: string) =>
  firstValue<string>(db.pool, 'select worker_id::text from lamplighter.duty where name = $1', [name]);

/** Queues a request that is due in so many ms; how long after that it was completed. */
async function latenessOf(text: string, dueMs: number): Promise<number> {
  const client = await db.pool.connect();
  let id = '';
  try {
    await client.query('begin');
    [id = ''] = await embed(client, [text]);
    await client.query(
      `update steadytext_queue set run_at = clock_timestamp() + make_interval(secs => $2::float8 / 1000) where request_id = $1`,
      [id, dueMs],
    );
    await client.query('commit');
  } finally {
    client.release();
  }
  const dueAt = await firstValue<string>(db.pool, 'select run_at::text from steadytext_queue where request_id = $1', [
    id,
  ]);
  await untilStatus(db.pool, [id], 'completed');
  return Number(
    await firstValue(
      db.pool,
      'select extract(epoch from completed_at - $2::timestamptz) * 1000 from steadytext_queue where request_id = $1',
      [id, dueAt],
    ),
  );
}

test('however many workers there are, one does the upkeep, and what is due runs within a second', async () => {
  await using _ = await startWorkers(5, { uri: db.uri, pollIntervalMs: 3_600_000 });
  await eventually(async () => expect(await holder('upkeep')).toBeDefined());
  for (const text of ['first', 'second']) {
    const lateness = await latenessOf(text, 300);
    expect(lateness).toBeGreaterThanOrEqual(0);
    expect(lateness).toBeLessThan(1_000);
  }
});

test('a worker that missed its wake-up is told to scan, however long its poll interval is', async () => {
  await using tested = await startTestWorker({ uri: db.uri, pollIntervalMs: 3_600_000 });
  await untilStatus(db.pool, await embed(db.pool, ['before']), 'completed');
  await eventually(async () =>
    expect(await firstValue(db.pool, `select is_waiting from lamplighter.waiting where topic = 'requests'`)).toBe(true),
  );
  for (let n = 0; n < 3; n += 1) {
    await db.pool.query('update lamplighter.waiting set is_waiting = false');
    await untilStatus(db.pool, await embed(db.pool, [`nobody was told ${n}`]), 'completed', { timeoutMs: 3_000 });
  }
  expect(tested.warnings()).toEqual([]);
});

test.each(['SIGKILL', 'SIGSTOP'] as const)(
  'the duties of a process that gets %s go to another in time',
  async (signal) => {
    const options = { uri: db.uri, leaseMs: 20_000, heartbeatMs: 1_000, pollIntervalMs: 3_600_000 };
    await using one = await spawnWorker(options);
    await using two = await spawnWorker(options);
    await eventually(async () => expect(await holder('upkeep')).toBeDefined());
    const [busy, spare] = (await holder('upkeep')) === one.workerId ? [one, two] : [two, one];
    busy.kill(signal);
    // Long before its lease is over.
    expect(await latenessOf('due after that', 0)).toBeLessThan(4_000);
    expect(await holder('upkeep')).toBe(spare.workerId);
    for (const name of ['settings', 'rescue_requests'])
      await eventually(async () => expect(await holder(name)).toBe(spare.workerId), { timeoutMs: 10_000 });
    if (signal === 'SIGSTOP') busy.kill('SIGCONT');
  },
);

test('a setting that one worker has read takes effect on all', async () => {
  await using _ = await startWorkers(3, { uri: db.uri, leaseMs: 10_000, heartbeatMs: 200 });
  await db.pool.query(`alter database ${db.name} set steadytext.worker_concurrency = '7'`);
  await eventually(
    async () =>
      expect(
        await firstValue(
          db.pool,
          `select array_agg(concurrency) from steadytext_worker_status() where status = 'running'`,
        ),
      ).toEqual([7, 7, 7]),
    { timeoutMs: 12_000 },
  );
  await db.pool.query(`alter database ${db.name} reset all`);
}, 20_000);
