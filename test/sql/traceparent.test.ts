import type pg from 'pg';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { sqlErrorOf } from '../support/sql-error.ts';
import { startSqlWorker } from '../support/sql-worker.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';
const VALID = `00-${TRACE}-${SPAN}-01`;

let db: TestDatabase;
let session: pg.PoolClient;
beforeAll(async () => {
  db = await createTestDatabase();
});
beforeEach(async () => {
  await db.pool.query('delete from steadytext_queue');
  session = await db.pool.connect();
  await session.query('begin');
  return async () => {
    await session.query('rollback');
    session.release(true);
  };
});
afterAll(() => db[Symbol.asyncDispose]());

async function traceparents(): Promise<(string | null)[]> {
  const { rows } = await session.query<{ traceparent: string | null }>(
    'select traceparent from steadytext_queue order by id',
  );
  return rows.map(({ traceparent }) => traceparent);
}

const setTraceparent = (value: string, isLocal = true) =>
  session.query("select set_config('lamplighter.traceparent', $1, $2)", [value, isLocal]);

test('a request that nobody has given a trace has none', async () => {
  await session.query("select steadytext_embed_async('a')");
  expect(await traceparents()).toEqual([null]);
});

test.each([
  ["select steadytext_embed_async('a')", 1],
  ["select steadytext_generate_async('a')", 1],
  ["select steadytext_rerank_async('a', array['b'])", 1],
  ["select steadytext_embed_batch_async(array['a', 'b', 'c'])", 3],
  ["select steadytext_generate_batch_async(array['a', 'b'])", 2],
  ["insert into steadytext_queue (function_name, parameters) values ('embed', '{}')", 1],
])('%s keeps the traceparent of the session with each request', async (statement, count) => {
  await setTraceparent(VALID);
  await session.query(statement);
  expect(await traceparents()).toEqual(Array.from({ length: count }, () => VALID));
});

test('a task keeps it too', async () => {
  await setTraceparent(VALID);
  await session.query("select lantern.async_task('select 1')");
  const { rows } = await session.query('select traceparent from lamplighter.task_run');
  expect(rows).toEqual([{ traceparent: VALID }]);
});

test.each([
  '',
  'none',
  `00-${TRACE}-${SPAN}`,
  `00-${TRACE}-${SPAN}-01-more`,
  ` ${VALID}`,
  `${VALID}\n`,
  `00-${TRACE.toUpperCase()}-${SPAN}-01`,
  `ff-${TRACE}-${SPAN}-01`,
  `00-${'0'.repeat(32)}-${SPAN}-01`,
  `00-${TRACE}-${'0'.repeat(16)}-01`,
  `00-${TRACE.slice(0, 31)}--${SPAN.slice(1)}--01`,
  `00-${TRACE.slice(0, 31)}g-${SPAN}-01`,
  `00-${TRACE.slice(0, 31)}ä-${SPAN}-01`,
  'x'.repeat(100_000),
])('what is no traceparent is ignored: %j', async (value) => {
  await setTraceparent(value);
  await session.query("select steadytext_embed_async('a')");
  expect(await traceparents()).toEqual([null]);
});

test('who names the column is refused what is none', async () => {
  const insert = "insert into steadytext_queue (function_name, parameters, traceparent) values ('embed', '{}', 'none')";
  const { code, message } = await sqlErrorOf(session, insert);
  expect(code).toBe('23514');
  expect(message).toContain('steadytext_queue_traceparent_is_valid');
});

test('the worker learns it with the claim', async () => {
  await setTraceparent(VALID);
  await session.query("select steadytext_embed_async('a')");
  await session.query("select set_config('lamplighter.traceparent', '', true), steadytext_embed_async('b')");
  await session.query('commit');
  const worker = await startSqlWorker(db.pool);
  const claimed = await worker.claim();
  expect(claimed.map(({ traceparent }) => traceparent)).toEqual([VALID, null]);
});
