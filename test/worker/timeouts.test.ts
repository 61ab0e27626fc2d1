import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { embed, generate, rowOf, rowsOf, untilStatus, untilStatusAfterRetries } from '../support/requests.ts';
import { startTestWorker } from '../support/test-worker.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
});
afterEach(() => db.pool.query('delete from steadytext_queue'));
afterAll(() => db[Symbol.asyncDispose]());

test.each([
  ['a model that heeds the signal', '!hang'],
  ['a model that ignores it', '!hang-deaf'],
])('%s and takes too long is given up, charged and tried again', async (_, prompt) => {
  await using tested = await startTestWorker({ uri: db.uri, timeoutMs: 150, maxRetries: 1 });
  const id = await generate(db.pool, prompt);
  const [row] = await untilStatusAfterRetries(db.pool, [id], 'failed');
  expect(row).toMatchObject({ error: 'Timed out after 150ms', attempt: 2, retry_count: 1 });
  expect(tested.calls.calls).toBe(2);
  expect(tested.calls.running).toBe(prompt === '!hang' ? 0 : 2);
});

test('deaf models do not keep others from being answered, even with one slot', async () => {
  await using _ = await startTestWorker({ uri: db.uri, timeoutMs: 150, maxRetries: 0, concurrency: 1 });
  const deaf = await Promise.all([generate(db.pool, '!hang-deaf'), generate(db.pool, '!hang-deaf too')]);
  const after = await generate(db.pool, 'after the deaf');
  await untilStatus(db.pool, [after], 'completed');
  await untilStatus(db.pool, deaf, 'failed');
});

test('in a batch only the request that takes too long by itself is charged', async () => {
  await using tested = await startTestWorker({ uri: db.uri, timeoutMs: 300, maxRetries: 0 });
  const [quick = '', slow = '', ...others] = await embed(db.pool, ['quick', '!hang', 'b', 'c', 'd']);
  const [row] = await untilStatus(db.pool, [slow], 'failed');
  expect(row).toMatchObject({ attempt: 1, error: 'Timed out after 300ms' });
  expect(await untilStatus(db.pool, [quick], 'completed')).toMatchObject([{ attempt: 1, retry_count: 0 }]);
  // What was behind it is handed back, and comes again together.
  expect(await untilStatus(db.pool, others, 'completed')).toMatchObject(
    others.map(() => ({ attempt: 2, retry_count: 0 })),
  );
  // Once together, then one by one up to the one that hangs, then the rest together.
  expect(tested.calls.items).toBe(5 + 2 + 3);
});

test('a batch in which all hang holds a slot for two time limits, and costs one of them a try', async () => {
  await using tested = await startTestWorker({ uri: db.uri, timeoutMs: 300, maxRetries: 0, concurrency: 1 });
  const hanging = await embed(
    db.pool,
    Array.from({ length: 16 }, (_, at) => `!hang ${at}`),
  );
  await eventually(() => expect(tested.calls.items).toBe(16));
  const startedMs = performance.now();
  const other = await generate(db.pool, 'behind them');
  await untilStatus(db.pool, [other], 'completed');
  expect(performance.now() - startedMs).toBeLessThan(2_000);
  const rows = await rowsOf(db.pool, hanging);
  expect(rows.filter(({ status }) => status === 'failed').length).toBeLessThanOrEqual(3);
});

test('a request that finishes in time keeps its answer, and the timer leaves nothing behind', async () => {
  await using tested = await startTestWorker({ uri: db.uri, timeoutMs: 5_000 });
  const id = await generate(db.pool, '!sleep:100 in time');
  await untilStatus(db.pool, [id], 'completed');
  expect(tested.warnings()).toEqual([]);
});

test('a blocked event loop delays a request but fails nothing', async () => {
  await using _ = await startTestWorker({ uri: db.uri, timeoutMs: 10_000 });
  const blocked = await generate(db.pool, '!block:400');
  const other = await generate(db.pool, 'beside a blocked loop');
  await untilStatus(db.pool, [blocked, other], 'completed');
  await eventually(async () => expect((await rowOf(db.pool, other)).attempt).toBe(1));
});
