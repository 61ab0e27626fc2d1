import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { createGatedProvider } from '../support/gated-provider.ts';
import { embed, firstValue, generate, rowOf, rowsOf, untilStatus } from '../support/requests.ts';
import { startTestWorker, type TestWorker } from '../support/test-worker.ts';

let db: TestDatabase;
let tested: TestWorker;
beforeAll(async () => {
  db = await createTestDatabase();
  tested = await startTestWorker({ uri: db.uri });
});
afterEach(() => db.pool.query('delete from steadytext_queue'));
afterAll(async () => {
  await tested[Symbol.asyncDispose]();
  await db[Symbol.asyncDispose]();
});

/** A request that the model works on and never ends by itself. */
async function hanging(prompt = '!hang'): Promise<string> {
  const running = tested.calls.running;
  const id = await generate(db.pool, prompt);
  await eventually(() => expect(tested.calls.running).toBe(running + 1), { intervalMs: 2 });
  expect(await rowOf(db.pool, id)).toMatchObject({ status: 'processing' });
  return id;
}

const untilIdle = () => eventually(() => expect(tested.calls.running).toBe(0), { timeoutMs: 3_000, intervalMs: 2 });

test('a pending request that is cancelled is never run', async () => {
  const id = await generate(db.pool, 'never run', { model: 'test/elsewhere' });
  expect(await firstValue(db.pool, 'select steadytext_cancel_async($1)', [id])).toBe(true);
  expect(await rowOf(db.pool, id)).toMatchObject({ status: 'cancelled', attempt: 0 });
  expect(tested.calls.texts).not.toContain('never run');
});

test('cancelling a running request tells the model to stop, within a fraction of a second', async () => {
  const id = await hanging();
  const startedMs = performance.now();
  expect(await firstValue(db.pool, 'select steadytext_cancel_async($1)', [id])).toBe(true);
  await untilIdle();
  // By the notification: the look once a second would take longer on average.
  expect(performance.now() - startedMs).toBeLessThan(1_000);
  expect(await rowOf(db.pool, id)).toMatchObject({ status: 'cancelled', worker_id: null, result: null });
});

test('so does setting the status, also when it is committed later than sent', async () => {
  const id = await hanging();
  const client = await db.pool.connect();
  try {
    await client.query('begin');
    await client.query(`update steadytext_queue set status = 'cancelled' where request_id = $1`, [id]);
    expect(tested.calls.running).toBe(1);
    await client.query('commit');
  } finally {
    client.release();
  }
  await untilIdle();
});

test('so does deleting the row, and the worker goes on', async () => {
  const id = await hanging();
  await db.pool.query('delete from steadytext_queue where request_id = $1', [id]);
  await untilIdle();
  const next = await generate(db.pool, 'after a delete');
  await untilStatus(db.pool, [next], 'completed');
});

test('a cancel that is rolled back changes nothing', async () => {
  const id = await generate(db.pool, '!sleep:300 kept');
  await eventually(async () => expect((await rowOf(db.pool, id)).status).toBe('processing'));
  const client = await db.pool.connect();
  await client.query('begin');
  await client.query('select steadytext_cancel_async($1)', [id]);
  await client.query('rollback');
  client.release();
  const [row] = await untilStatus(db.pool, [id], 'completed');
  expect(row).toMatchObject({ result: '!sleep:300 kept', attempt: 1 });
});

test('one running request of a batch is cancelled without hurting its neighbours', async () => {
  const ids = await embed(db.pool, ['!sleep:400', 'left', 'right']);
  await eventually(async () => {
    expect((await rowsOf(db.pool, ids)).map(({ status }) => status)).toEqual(ids.map(() => 'processing'));
  });
  const [first = '', left = '', right = ''] = ids;
  await firstValue(db.pool, 'select steadytext_cancel_async($1)', [left]);
  expect(await untilStatus(db.pool, [first, right], 'completed')).toMatchObject([{ attempt: 1 }, { attempt: 1 }]);
  expect(await rowOf(db.pool, left)).toMatchObject({ status: 'cancelled', result: null });
});

test('when all of a batch are cancelled, the model is told to stop', async () => {
  const ids = await embed(db.pool, ['!hang', 'b', 'c']);
  await eventually(() => expect(tested.calls.running).toBe(1));
  for (const id of ids) await firstValue(db.pool, 'select steadytext_cancel_async($1)', [id]);
  await untilIdle();
});

test('an answer that comes after the cancel changes nothing', async () => {
  const gated = createGatedProvider();
  await using _ = await startTestWorker({ uri: db.uri, providers: [gated], generateModel: 'gated/model' });
  const id = await generate(db.pool, 'too late', { model: 'gated/model' });
  const call = await gated.call('too late');
  await firstValue(db.pool, 'select steadytext_cancel_async($1)', [id]);
  const row = await rowOf(db.pool, id);
  await eventually(() => expect(call.signal.aborted).toBe(true));
  call.answer('late');
  const after = await generate(db.pool, 'after', { model: 'gated/model' });
  (await gated.call('after')).answer('in time');
  await untilStatus(db.pool, [after], 'completed');
  expect(await rowOf(db.pool, id)).toEqual(row);
});

test('a cancelled request that is queued again by its owner runs again, beside its late first run', async () => {
  const id = await hanging('!hang first');
  await db.pool.query(`update steadytext_queue set status = 'cancelled' where request_id = $1`, [id]);
  await db.pool.query(
    `update steadytext_queue set status = 'pending', parameters = parameters || '{"prompt": "again"}' where request_id = $1`,
    [id],
  );
  const [row] = await untilStatus(db.pool, [id], 'completed');
  expect(row).toMatchObject({ result: 'again', attempt: 2 });
  await untilIdle();
});

test('anybody can send on the cancel channel; only the database is believed', async () => {
  const id = await generate(db.pool, '!sleep:300 unimpressed');
  await eventually(async () => expect((await rowOf(db.pool, id)).status).toBe('processing'));
  for (const payload of [id, 'nonsense', '']) {
    await db.pool.query('select pg_notify($1, $2)', ['lamplighter_cancel', payload]);
  }
  expect(await untilStatus(db.pool, [id], 'completed')).toMatchObject([{ attempt: 1 }]);
});

test('all this left no request in flight and no complaint', async () => {
  await untilIdle();
  expect(tested.warnings()).toEqual([]);
});
