import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { sqlErrorOf } from '../support/sql-error.ts';
import { startSqlWorker } from '../support/sql-worker.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
});
afterAll(() => db[Symbol.asyncDispose]());
beforeEach(() => db.pool.query('delete from steadytext_queue'));

const rowsOf = async (text: string, params: readonly unknown[] = []) => (await db.pool.query(text, [...params])).rows;

async function failOne(retryCount: number, age = '1 minute'): Promise<string> {
  const [{ id }] = await rowsOf(`select steadytext_embed_async('t') as id`);
  await db.pool.query(
    `update steadytext_queue set status = 'failed', error = 'e', retry_count = $2, failed_at = now() - $3::interval where request_id = $1`,
    [id, retryCount, age],
  );
  return id;
}

test('the documented dead-letter queue: a copy of the table, and the function that moves failed requests', async () => {
  await db.pool.query(
    'CREATE TABLE steadytext_dead_letter_queue (LIKE steadytext_queue INCLUDING ALL, moved_at TIMESTAMP DEFAULT NOW(), failure_reason TEXT);',
  );
  await db.pool.query(`CREATE OR REPLACE FUNCTION process_dead_letters() RETURNS void AS $$
    BEGIN
      INSERT INTO steadytext_dead_letter_queue (request_id, function_name, parameters, status, error, created_at, failed_at, retry_count, failure_reason)
      SELECT request_id, function_name, parameters, status, error, created_at, failed_at, retry_count,
        CASE WHEN retry_count >= 3 THEN 'Max retries exceeded' WHEN failed_at < NOW() - INTERVAL '24 hours' THEN 'Expired' ELSE 'Unknown' END
      FROM steadytext_queue WHERE status = 'failed' AND (retry_count >= 3 OR failed_at < NOW() - INTERVAL '24 hours');
      DELETE FROM steadytext_queue WHERE request_id IN (SELECT request_id FROM steadytext_dead_letter_queue);
    END; $$ LANGUAGE plpgsql;`);
  const exhausted = await failOne(3);
  const expired = await failOne(0, '25 hours');
  const recent = await failOne(1);
  for (let i = 0; i < 2; i += 1) await db.pool.query('select process_dead_letters()');
  expect(
    await rowsOf(
      'select request_id, status, error, failure_reason from steadytext_dead_letter_queue order by failure_reason desc',
    ),
  ).toEqual([
    { request_id: exhausted, status: 'failed', error: 'e', failure_reason: 'Max retries exceeded' },
    { request_id: expired, status: 'failed', error: 'e', failure_reason: 'Expired' },
  ]);
  expect(await rowsOf('select request_id from steadytext_queue')).toEqual([{ request_id: recent }]);
});

test('a plain copy takes whole rows, there and back', async () => {
  const id = await failOne(3);
  await db.pool.query('create table whole_copy (like steadytext_queue including all)');
  await db.pool.query('insert into whole_copy select * from steadytext_queue');
  await db.pool.query('delete from steadytext_queue');
  await db.pool.query('insert into steadytext_queue select * from whole_copy');
  expect(await rowsOf('select request_id, status from steadytext_queue')).toEqual([
    { request_id: id, status: 'failed' },
  ]);
  expect(await rowsOf(`select steadytext_retry(request_id) as is_retried from steadytext_queue`)).toEqual([
    { is_retried: true },
  ]);
});

test('a request that ran out of retries is found by the documented condition', async () => {
  await db.pool.query(`select steadytext_embed_async('t')`);
  const worker = await startSqlWorker(db.pool);
  for (let attempt = 1; attempt <= 4; attempt += 1) {
    await worker.finish([await worker.claimOne()], { kind: 'retry', error: `failure ${attempt}`, delayMs: 0 });
    await db.pool.query('select lamplighter.promote_requests(10)');
  }
  expect(
    await rowsOf(
      `select error, attempt, retry_count, completed_at = failed_at as has_end from steadytext_queue where status = 'failed' and retry_count >= 3`,
    ),
  ).toEqual([{ error: 'failure 4', attempt: 4, retry_count: 3, has_end: true }]);
});

test('the documented manual retry starts afresh', async () => {
  const id = await failOne(3);
  await db.pool.query(
    `UPDATE steadytext_queue SET status = 'pending', retry_count = 0 WHERE request_id = $1::uuid AND status = 'failed'`,
    [id],
  );
  expect(await rowsOf('select status, retry_count, error, failed_at from steadytext_queue')).toEqual([
    { status: 'pending', retry_count: 0, error: null, failed_at: null },
  ]);
  expect(await (await startSqlWorker(db.pool)).claimOne()).toMatchObject({ requestId: id });
});

test('retry_count can be counted up, on a failed request and on one in progress', async () => {
  const failed = await failOne(1);
  await db.pool.query(`select steadytext_embed_async('t')`);
  const worker = await startSqlWorker(db.pool);
  const running = await worker.claimOne();
  await db.pool.query('UPDATE steadytext_queue SET retry_count = retry_count + 1');
  expect(await rowsOf('select request_id, status, retry_count from steadytext_queue order by id')).toEqual([
    { request_id: failed, status: 'failed', retry_count: 2 },
    { request_id: running.requestId, status: 'processing', retry_count: 1 },
  ]);
  expect((await worker.finish([running], { kind: 'completed', result: 'r' })).size).toBe(1);
});

test('a status set by hand has its consequences', async () => {
  await db.pool.query(`select steadytext_embed_batch_async(array['a', 'b'])`);
  const worker = await startSqlWorker(db.pool);
  const claimed = await worker.claim();
  await db.pool.query(
    `update steadytext_queue set status = 'cancelled' where id = (select min(id) from steadytext_queue)`,
  );
  await db.pool.query(`update steadytext_queue set status = 'pending' where status = 'processing'`);
  expect(await worker.finish(claimed, { kind: 'completed', result: 'late' })).toEqual(new Map());
  expect(
    await rowsOf(
      'select status, worker_id, completed_at is not null as has_end, result from steadytext_queue order by id',
    ),
  ).toEqual([
    { status: 'cancelled', worker_id: null, has_end: true, result: null },
    { status: 'pending', worker_id: null, has_end: false, result: null },
  ]);
  expect(await worker.claim()).toHaveLength(1);
});

test('the owner inserts requests in any state, and a restored one in progress is given back', async () => {
  await db.pool.query(
    `insert into steadytext_queue (function_name, parameters, status, worker_id, started_at, attempt)
     values ('embed', '{"text_input": "t"}', 'processing', gen_random_uuid(), now(), 1), ('embed', '{}', 'processing', null, null, 0)`,
  );
  const rescued = await rowsOf('select status, is_charged from lamplighter.rescue_requests(3)');
  expect(rescued).toEqual([
    { status: 'pending', is_charged: false },
    { status: 'pending', is_charged: false },
  ]);
});

test.each([
  [`insert into steadytext_queue (function_name) values ('translate')`, '23514', 'steadytext_queue_function_is_known'],
  [
    `insert into steadytext_queue (function_name, status) values ('embed', 'done')`,
    '23514',
    'steadytext_queue_status_is_known',
  ],
  [
    `insert into steadytext_queue (function_name, parameters) values ('embed', '[]')`,
    '23514',
    'parameters must be a JSON object, not array',
  ],
  [
    `insert into steadytext_queue (function_name, retry_count) values ('embed', -1)`,
    '23514',
    'retry_count_is_not_negative',
  ],
])('%s breaks a rule that is named', async (statement, code, rule) => {
  expect(await sqlErrorOf(db.pool, statement)).toMatchObject({ code, message: expect.stringContaining(rule) });
});

test('deleting a request in progress is noticed by its worker, and harms nobody', async () => {
  await db.pool.query(`select steadytext_embed_batch_async(array['a', 'b'])`);
  const worker = await startSqlWorker(db.pool);
  const claimed = await worker.claim();
  await db.pool.query('delete from steadytext_queue where id = (select min(id) from steadytext_queue)');
  expect((await worker.finish(claimed, { kind: 'completed', result: 'r' })).size).toBe(1);
});

test('the queue can be truncated by its owner', async () => {
  await db.pool.query(`select steadytext_embed_async('a')`);
  await db.pool.query('truncate steadytext_queue restart identity');
  await db.pool.query(`select steadytext_embed_async('b')`);
  expect(await rowsOf('select id from steadytext_queue')).toEqual([{ id: '1' }]);
});
