import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
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

async function value<T>(expression: string, params: readonly unknown[] = []): Promise<T> {
  const { rows } = await db.pool.query<{ value: T }>(`select ${expression} as value`, [...params]);
  return (rows as [{ value: T }])[0].value;
}

const embed = (text: string) => value<string>('steadytext_embed_async($1)', [text]);

async function check(id: string) {
  return (await db.pool.query('select * from steadytext_check_async($1)', [id])).rows[0];
}

async function row(id: string) {
  return (await db.pool.query('select * from steadytext_queue where request_id = $1', [id])).rows[0];
}

test('check follows a request from pending to completed', async () => {
  const id = await value<string>(`steadytext_generate_async('p', priority => 7)`);
  expect(await check(id)).toEqual({
    status: 'pending',
    result: null,
    error: null,
    created_at: expect.any(Date),
    started_at: null,
    completed_at: null,
    priority: 7,
  });
  const worker = await startSqlWorker(db.pool);
  const request = await worker.claimOne();
  expect(await check(id)).toMatchObject({ status: 'processing', started_at: expect.any(Date), completed_at: null });
  await worker.finish([request], { kind: 'completed', result: 'the text' });
  expect(await check(id)).toMatchObject({
    status: 'completed',
    result: 'the text',
    error: null,
    completed_at: expect.any(Date),
  });
});

test('check gives no row for an unknown id, and none for NULL', async () => {
  expect(await check(randomUUID())).toBeUndefined();
  expect((await db.pool.query('select * from steadytext_check_async(null)')).rows).toEqual([]);
});

test('check_async_batch answers in the order asked, leaves unknown ids out and repeats what was asked twice', async () => {
  const [a, b, c] = await value<[string, string, string]>(`steadytext_embed_batch_async(array['a', 'b', 'c'])`);
  const { rows } = await db.pool.query('select * from steadytext_check_async_batch($1)', [
    [c, randomUUID(), null, a, b, a],
  ]);
  expect(rows.map(({ request_id: id }) => id)).toEqual([c, a, b, a]);
  expect(rows[0]).toEqual({
    request_id: c,
    status: 'pending',
    result: null,
    error: null,
    created_at: expect.any(Date),
    completed_at: null,
  });
  expect((await db.pool.query('select * from steadytext_check_async_batch(null)')).rows).toEqual([]);
});

test('a pending request can be cancelled once', async () => {
  const id = await embed('a');
  expect(await value('steadytext_cancel_async($1)', [id])).toBe(true);
  expect(await check(id)).toMatchObject({ status: 'cancelled', result: null, completed_at: expect.any(Date) });
  expect(await value('steadytext_cancel_async($1)', [id])).toBe(false);
  expect(await (await startSqlWorker(db.pool)).claim()).toEqual([]);
});

test('cancelling what is unknown, completed or failed returns false and changes nothing', async () => {
  expect(await value('steadytext_cancel_async($1)', [randomUUID()])).toBe(false);
  expect(await value('steadytext_cancel_async(null)')).toBe(false);
  const worker = await startSqlWorker(db.pool);
  for (const outcome of [
    { kind: 'completed', result: 'r' },
    { kind: 'failed', error: 'e' },
  ] as const) {
    const id = await embed('a');
    await worker.finish([await worker.claimOne()], outcome);
    expect(await value('steadytext_cancel_async($1)', [id])).toBe(false);
    expect(await check(id)).toMatchObject({ status: outcome.kind });
  }
});

test('one request of a batch in progress is cancelled without its neighbours, and a late finish does not overwrite it', async () => {
  const [a, b, c] = await value<[string, string, string]>(`steadytext_embed_batch_async(array['a', 'b', 'c'])`);
  const worker = await startSqlWorker(db.pool);
  const claimed = await worker.claim();
  expect(await value('steadytext_cancel_async($1)', [b])).toBe(true);
  const ended = await worker.finish(claimed, { kind: 'completed', result: 'late' });
  expect([...ended.values()]).toEqual(['completed', 'completed']);
  expect(await check(b)).toMatchObject({ status: 'cancelled', result: null, completed_at: expect.any(Date) });
  expect(await check(a)).toMatchObject({ status: 'completed' });
  expect(await check(c)).toMatchObject({ status: 'completed' });
});

test('a failed request is retried with fresh attempts, and nothing else is', async () => {
  const id = await embed('a');
  const worker = await startSqlWorker(db.pool);
  const first = await worker.claimOne();
  expect(await value('steadytext_retry($1)', [id])).toBe(false);
  await db.pool.query('update steadytext_queue set retry_count = 2');
  await worker.finish([first], { kind: 'failed', error: 'no' });
  expect(await row(id)).toMatchObject({ status: 'failed', error: 'no', failed_at: expect.any(Date), retry_count: 2 });
  expect(await value('steadytext_retry($1)', [id])).toBe(true);
  expect(await row(id)).toMatchObject({
    status: 'pending',
    retry_count: 0,
    error: null,
    failed_at: null,
    started_at: null,
    completed_at: null,
    worker_id: null,
    attempt: 1,
    run_at: null,
  });
  expect(await value('steadytext_retry($1)', [id])).toBe(false);
  expect(await value('steadytext_retry($1)', [randomUUID()])).toBe(false);
  expect(await worker.claimOne()).toMatchObject({ requestId: id, attempt: 2 });
});

test('prune deletes what ended before the given age and leaves the rest', async () => {
  const worker = await startSqlWorker(db.pool);
  const old = [await embed('completed'), await embed('failed'), await embed('cancelled')] as const;
  const [completed, failed] = await worker.claim({ limit: 2 });
  if (completed === undefined || failed === undefined) throw new Error('expected two requests');
  await worker.finish([completed], { kind: 'completed', result: 'r' });
  await worker.finish([failed], { kind: 'failed', error: 'e' });
  await value('steadytext_cancel_async($1)', [old[2]]);
  await db.pool.query(
    `update steadytext_queue set created_at = created_at - interval '3 days', completed_at = completed_at - interval '3 days',
       failed_at = failed_at - interval '3 days'`,
  );
  const pending = await embed('pending');
  await db.pool.query(
    `update steadytext_queue set created_at = created_at - interval '9 days' where status = 'pending'`,
  );
  const recent = await embed('recent');
  await value('steadytext_cancel_async($1)', [recent]);
  expect(await value('steadytext_prune($1)', ['4 days'])).toBe('0');
  expect(await value('steadytext_prune($1)', ['2 days'])).toBe('3');
  const { rows } = await db.pool.query<{ id: string }>('select request_id as id from steadytext_queue order by id');
  expect(rows.map(({ id }) => id).sort()).toEqual([pending, recent].sort());
  expect(await value('steadytext_prune($1)', ['0'])).toBe('1');
});

test('prune leaves a row that somebody has locked for the next time', async () => {
  const [a, b] = await value<[string, string]>(`steadytext_embed_batch_async(array['a', 'b'])`);
  await db.pool.query(`update steadytext_queue set status = 'cancelled'`);
  const other = await db.pool.connect();
  try {
    await other.query('begin');
    await other.query('select from steadytext_queue where request_id = $1 for update', [a]);
    expect(await value(`steadytext_prune('0')`)).toBe('1');
    expect(await row(b)).toBeUndefined();
  } finally {
    await other.query('rollback');
    other.release();
  }
  expect(await value(`steadytext_prune('0')`)).toBe('1');
});

test('embedding gives the vector bit for bit, NULL while there is none, and says why there can be none', async () => {
  const vector = [0.1, -0.25, 1e-7, -3.4028235e38, 1.17549435e-38, 0];
  const text = `[${vector.map((number) => Math.fround(number)).join(',')}]`;
  const id = await embed('a');
  expect(await value('steadytext_embedding($1)', [id])).toBeNull();
  const worker = await startSqlWorker(db.pool);
  await worker.answer(text);
  expect(await value('steadytext_embedding($1) = $2::real[]', [id, vector])).toBe(true);
  const generate = await value<string>(`steadytext_generate_async('p')`);
  expect(await sqlErrorOf(db.pool, 'select steadytext_embedding($1)', [generate])).toMatchObject({
    message: `Request ${generate} is not an embedding: it is generate`,
    code: '22023',
  });
  const unknown = randomUUID();
  expect(await sqlErrorOf(db.pool, 'select steadytext_embedding($1)', [unknown])).toMatchObject({
    message: `Request ID ${unknown} not found`,
  });
});

test('a search with steadytext_embedding can use an index', async () => {
  await using session = await openSession(db.uri);
  const { rows: ids } = await session.client.query<{ id: string }>(`select steadytext_embed_async('sought') as id`);
  await session.client.query(`
    create temp table note (vector real[]);
    create index on note (vector);
    set enable_seqscan = off; set enable_bitmapscan = off`);
  const { rows } = await session.client.query<Record<'QUERY PLAN', string>>(
    `explain select from note where vector > steadytext_embedding('${ids[0]?.id}')`,
  );
  expect(rows.map((row) => row['QUERY PLAN']).join('\n')).toContain('Index Cond: (vector > steadytext_embedding(');
});
