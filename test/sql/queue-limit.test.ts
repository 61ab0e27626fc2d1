import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { loadQuery } from '../../src/db/load-sql.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { sqlErrorOf } from '../support/sql-error.ts';
import { openSession } from '../support/sql-session.ts';
import { startSqlWorker } from '../support/sql-worker.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
});
afterAll(() => db[Symbol.asyncDispose]());
beforeEach(() => db.pool.query('delete from steadytext_queue'));

const setLimit = (limit: number) => db.pool.query(`select lamplighter.set('max_queue_size', $1)`, [String(limit)]);
const embed = () => db.pool.query(`select steadytext_embed_async('t')`);
const refusal = (call = `steadytext_embed_async('t')`) => sqlErrorOf(db.pool, `select ${call}`);

/** What the bound on pending requests is, without a count. */
async function bound(): Promise<number> {
  const { rows } = await db.pool.query<{ bound: number }>('select lamplighter.read_pending_bound()::int as bound');
  return rows[0]?.bound ?? Number.NaN;
}

/** Uses up ids without leaving anything pending, as a transaction does that is rolled back. */
const rollBack = (requests: number) =>
  db.pool.query(`select nextval('steadytext_queue_id_seq') from generate_series(1, $1)`, [requests]);

async function size(): Promise<number> {
  const { rows } = await db.pool.query<{ size: number }>('select count(*)::int as size from steadytext_queue');
  return rows[0]?.size ?? Number.NaN;
}

test('as many requests as the limit may be pending, and the next is refused with the size and what to do', async () => {
  await setLimit(3);
  for (let i = 0; i < 3; i += 1) await embed();
  expect(await refusal()).toEqual({
    message: 'Queue is full: at most 3 requests may be pending',
    code: '53400',
    detail: undefined,
    hint:
      'Wait until workers have caught up, start more of them, or let the schema owner raise the limit: ' +
      `SELECT lamplighter.set('max_queue_size', '50000').`,
  });
  expect(await size()).toBe(3);
});

test('where a setting of the server holds, the refusal and lamplighter.set name that', async () => {
  await db.pool.query("update lamplighter.setting set server_value = '2' where name = 'max_queue_size'");
  await embed();
  await embed();
  const named =
    "raise the server's setting steadytext.max_queue_size, which is 2 and holds over lamplighter.set: ALTER SYSTEM SET";
  expect((await refusal()).hint).toContain(named);
  await using session = await openSession(db.uri);
  const notices: (string | undefined)[] = [];
  session.client.on('notice', ({ message }) => notices.push(message));
  await session.client.query("select lamplighter.set('max_queue_size', '50')");
  await db.pool.query("update lamplighter.setting set server_value = null where name = 'max_queue_size'");
  await session.client.query("select lamplighter.set('max_queue_size', null)");
  expect(notices).toEqual(['The setting steadytext.max_queue_size of the server is 2 and overrides this value']);
});

test('a batch goes in as a whole or not at all', async () => {
  await setLimit(3);
  expect(await refusal(`steadytext_embed_batch_async(array['a', 'b', 'c', 'd'])`)).toMatchObject({ code: '53400' });
  expect(await size()).toBe(0);
  await db.pool.query(`select steadytext_embed_batch_async(array['a', 'b', 'c'])`);
  expect(await size()).toBe(3);
});

test('a direct INSERT counts as well', async () => {
  await setLimit(1);
  const insert = `insert into steadytext_queue (function_name, parameters) values ('embed', '{"text_input": "t"}')`;
  await db.pool.query(insert);
  expect(await sqlErrorOf(db.pool, insert)).toMatchObject({ code: '53400' });
});

test('the limit can be changed at any time, and 0 means none', async () => {
  await setLimit(1);
  await embed();
  expect(await refusal()).toMatchObject({ code: '53400' });
  await setLimit(2);
  await embed();
  expect(await refusal()).toMatchObject({ message: 'Queue is full: at most 2 requests may be pending' });
  await setLimit(0);
  for (let i = 0; i < 3; i += 1) await embed();
  await setLimit(5);
  expect(await refusal()).toMatchObject({ code: '53400' });
});

test('the limit that a worker saw in the server configuration wins over the table', async () => {
  await setLimit(100);
  const seen = (value: string | null) => db.pool.query(loadQuery('record_server_settings'), [null, null, value]);
  await seen('1');
  await embed();
  expect(await refusal()).toMatchObject({ message: 'Queue is full: at most 1 requests may be pending' });
  await seen(null);
  await embed();
});

test('a session cannot lift the limit for itself', async () => {
  await setLimit(1);
  await embed();
  const client = await db.pool.connect();
  try {
    await client.query(`set steadytext.max_queue_size = 1000`);
    expect(await sqlErrorOf(client, `select steadytext_embed_async('t')`)).toMatchObject({ code: '53400' });
  } finally {
    client.release(true);
  }
});

test.each([
  ['deleting', 'delete from steadytext_queue where id = (select min(id) from steadytext_queue)'],
  ['cancelling', `select steadytext_cancel_async(request_id) from steadytext_queue limit 1`],
])('%s a pending request makes room for one', async (_, statement) => {
  await setLimit(2);
  await db.pool.query(`select steadytext_embed_batch_async(array['a', 'b'])`);
  expect(await refusal()).toMatchObject({ code: '53400' });
  await db.pool.query(statement);
  await embed();
  expect(await refusal()).toMatchObject({ code: '53400' });
});

test('what a worker has taken does not count, and counts again when it waits for a retry', async () => {
  await setLimit(2);
  await db.pool.query(`select steadytext_embed_batch_async(array['a', 'b'])`);
  const worker = await startSqlWorker(db.pool);
  const claimed = await worker.claim();
  await embed();
  await worker.finish(claimed.slice(0, 1), { kind: 'retry', error: 'e', delayMs: 60_000 });
  expect(await refusal()).toMatchObject({ code: '53400' });
});

test('requests that were retried by hand count', async () => {
  await setLimit(4);
  const worker = await startSqlWorker(db.pool);
  await db.pool.query(`select steadytext_embed_batch_async(array['a', 'b', 'c', 'd'])`);
  await worker.finish(await worker.claim(), { kind: 'failed', error: 'e' });
  // A worker counts: nothing is pending, and no id has been issued since.
  await setLimit(1);
  await db.pool.query(loadQuery('measure_queue'));
  await setLimit(4);
  await db.pool.query('select count(steadytext_retry(request_id)) from steadytext_queue');
  expect(await refusal()).toMatchObject({ code: '53400' });
});

test('a worker that counts keeps enqueuers from counting', async () => {
  await setLimit(100);
  const worker = await startSqlWorker(db.pool);
  const texts = Array.from({ length: 60 }, (_, i) => `text ${i}`);
  await db.pool.query('select steadytext_embed_batch_async($1)', [texts]);
  await worker.answer('[1]');
  await db.pool.query(loadQuery('measure_queue'));
  expect(await bound()).toBe(0);
});

test('an enqueuer that counts keeps the count, so that those who come after it need not', async () => {
  await setLimit(100);
  await rollBack(100);
  await embed();
  expect(await bound()).toBe(1);
  const client = await db.pool.connect();
  try {
    await client.query(`begin; set local track_functions = 'all'`);
    for (let n = 0; n < 50; n += 1) await client.query(`select steadytext_embed_async('t')`);
    const { rows } = await client.query(
      `select pg_stat_get_xact_function_calls('lamplighter.count_pending(bigint)'::regprocedure)::int as counts`,
    );
    expect(rows).toEqual([{ counts: null }]);
    await client.query('commit');
  } finally {
    client.release();
  }
  expect(await bound()).toBe(51);
});

test.each([
  ['is tried again', { kind: 'retry', error: 'e', delayMs: 60_000 }],
  ['is put off', { kind: 'defer', error: 'e', delayMs: 60_000 }],
  ['is given back', { kind: 'release' }],
] as const)('what %s counts, though it was in flight when somebody counted', async (_, outcome) => {
  await setLimit(4);
  const worker = await startSqlWorker(db.pool);
  await db.pool.query(`select steadytext_embed_batch_async(array['a', 'b', 'c'])`);
  const claimed = await worker.claim();
  await rollBack(4);
  await embed();
  expect(await bound()).toBe(1);
  await worker.finish(claimed, outcome);
  expect(await refusal()).toMatchObject({ code: '53400' });
});

test('a count that ended at the limit is not taken for a whole one when the limit is raised', async () => {
  await setLimit(0);
  await db.pool.query(`select steadytext_embed_batch_async(array['1', '2', '3', '4', '5', '6', '7', '8'])`);
  await setLimit(2);
  expect(await refusal()).toMatchObject({ code: '53400' });
  await db.pool.query(loadQuery('measure_queue'));
  await setLimit(8);
  expect(await refusal()).toMatchObject({ code: '53400' });
});

test('a count in a transaction that does not see what others have queued since is not kept', async () => {
  await setLimit(10);
  const client = await db.pool.connect();
  try {
    await client.query('begin isolation level repeatable read');
    await client.query('select count(*) from steadytext_queue');
    await db.pool.query(`select steadytext_embed_batch_async(array['1', '2', '3', '4', '5', '6', '7', '8', '9'])`);
    await rollBack(10);
    await client.query(`select steadytext_embed_async('mine')`);
    await client.query('commit');
  } finally {
    client.release(true);
  }
  expect(await size()).toBe(10);
  expect(await refusal()).toMatchObject({ code: '53400' });
});

test('after TRUNCATE ... RESTART IDENTITY the limit holds as before', async () => {
  await setLimit(3);
  await rollBack(3);
  await embed();
  await db.pool.query('truncate steadytext_queue restart identity');
  for (let n = 0; n < 3; n += 1) await embed();
  expect(await refusal()).toMatchObject({ code: '53400' });
});

test('admission never fails a REPEATABLE READ transaction, whatever a worker counts meanwhile', async () => {
  await setLimit(10);
  const client = await db.pool.connect();
  try {
    await client.query('begin isolation level repeatable read');
    await client.query('select count(*) from steadytext_queue');
    await db.pool.query(`select steadytext_embed_batch_async(array['1', '2', '3', '4', '5', '6'])`);
    await db.pool.query(loadQuery('measure_queue'));
    await client.query(`select steadytext_embed_async('mine')`);
    await client.query('commit');
  } finally {
    client.release();
  }
  expect(await size()).toBe(7);
});

test('what one transaction queues counts for itself, although a worker that counts meanwhile does not see it', async () => {
  await setLimit(1_500);
  const client = await db.pool.connect();
  try {
    await client.query('begin');
    const queueThousand = `select steadytext_embed_batch_async(array_agg('t'::text)) from generate_series(1, 1000)`;
    const queueAndCount = async () => {
      await client.query(queueThousand);
      await db.pool.query(loadQuery('measure_queue'));
    };
    await queueAndCount();
    await expect(queueAndCount().then(queueAndCount)).rejects.toMatchObject({ code: '53400' });
  } finally {
    client.release(true);
  }
});

test('an open transaction of one enqueuer does not hold up another', async () => {
  await setLimit(10);
  const client = await db.pool.connect();
  try {
    await client.query('begin');
    await client.query(`select steadytext_embed_batch_async(array['1', '2', '3', '4', '5', '6', '7'])`);
    await db.pool.query(
      `set local lock_timeout = '1ms'; select steadytext_embed_async('t'); select lamplighter.measure_queue()`,
    );
    await client.query('commit');
  } finally {
    client.release();
  }
  expect(await size()).toBe(8);
});
