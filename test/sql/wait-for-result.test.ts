import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { serverMajor } from '../hosts/server-major.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { sqlErrorOf } from '../support/sql-error.ts';
import { openSession, untilAsleep } from '../support/sql-session.ts';
import { startSqlWorker } from '../support/sql-worker.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
});
afterAll(() => db[Symbol.asyncDispose]());
beforeEach(() =>
  db.pool.query(
    'delete from steadytext_queue; delete from lamplighter.worker; delete from lamplighter.paused_function',
  ),
);

const WAIT = 'select steadytext_get_async_result($1, $2) as result';

async function embed(model = 'default'): Promise<string> {
  const { rows } = await db.pool.query<{ id: string }>(`select steadytext_embed_async('t', model => $1) as id`, [
    model,
  ]);
  return (rows as [{ id: string }])[0].id;
}

test('a completed request gives its result, also when it is asked for once more', async () => {
  const id = await embed();
  await (await startSqlWorker(db.pool)).answer('[0.5]');
  for (const timeout of [30, 0, null, 2_147_483_647]) {
    expect((await db.pool.query(WAIT, [id, timeout])).rows).toEqual([{ result: '[0.5]' }]);
  }
});

test('a failed request gives its error', async () => {
  const id = await embed();
  const worker = await startSqlWorker(db.pool);
  await worker.finish([await worker.claimOne()], { kind: 'failed', error: '100% of "it" broke' });
  expect(await sqlErrorOf(db.pool, WAIT, [id, 30])).toMatchObject({
    message: 'Async request failed: 100% of "it" broke',
    code: 'P0001',
  });
});

test('an unknown id is refused at once, and so is NULL', async () => {
  const id = randomUUID();
  expect(await sqlErrorOf(db.pool, WAIT, [id, 30])).toMatchObject({
    message: `Request ID ${id} not found`,
    code: 'P0001',
  });
  expect(await sqlErrorOf(db.pool, WAIT, [null, 30])).toMatchObject({ message: 'Request ID <NULL> not found' });
});

test('a negative timeout is refused, before anything else', async () => {
  expect(await sqlErrorOf(db.pool, WAIT, [randomUUID(), -1])).toMatchObject({
    message: 'Timeout cannot be negative',
    code: '22023',
  });
});

test('a waiter learns of completion within milliseconds', async () => {
  await using session = await openSession(db.uri);
  const worker = await startSqlWorker(db.pool);
  const lags: number[] = [];
  for (let i = 0; i < 5; i += 1) {
    const id = await embed();
    const answer = session.client.query(`${WAIT}, extract(epoch from clock_timestamp()) * 1000 as at_ms`, [id, 30]);
    await untilAsleep(db.pool, session);
    await worker.answer('[1]');
    const { rows } = await answer;
    const done = await db.pool.query(
      'select extract(epoch from completed_at) * 1000 as at_ms from steadytext_queue where request_id = $1',
      [id],
    );
    expect(rows[0]).toMatchObject({ result: '[1]' });
    lags.push(Number(rows[0].at_ms) - Number(done.rows[0].at_ms));
  }
  expect(Math.min(...lags)).toBeLessThan(50);
});

test('NULL waits like the default of 30 seconds: the request is answered while the call waits', async () => {
  await using session = await openSession(db.uri);
  const id = await embed();
  const answer = session.client.query(WAIT, [id, null]);
  await untilAsleep(db.pool, session);
  await (await startSqlWorker(db.pool)).answer('[1]');
  expect((await answer).rows).toEqual([{ result: '[1]' }]);
});

test('a waiter learns at once that its request was cancelled', async () => {
  await using session = await openSession(db.uri);
  const id = await embed();
  const answer = sqlErrorOf(session.client, WAIT, [id, 30]);
  await untilAsleep(db.pool, session);
  await db.pool.query('select steadytext_cancel_async($1)', [id]);
  expect(await answer).toMatchObject({ message: 'Async request was cancelled', code: 'P0001' });
});

test('a request that is deleted under its waiter is not found', async () => {
  await using session = await openSession(db.uri);
  const id = await embed();
  const answer = sqlErrorOf(session.client, WAIT, [id, 30]);
  await untilAsleep(db.pool, session);
  await db.pool.query('delete from steadytext_queue');
  expect(await answer).toMatchObject({ message: `Request ID ${id} not found` });
});

test('a wait that runs out says so, and that no worker serves the function', async () => {
  const id = await embed();
  expect(await sqlErrorOf(db.pool, WAIT, [id, 0])).toEqual({
    message: 'Timeout waiting for async result (0 seconds)',
    code: 'P0001',
    detail: undefined,
    hint: 'No running worker serves embed (none runs); start one with: lamplighter worker.',
  });
});

test('the hint knows the function, the model, silence and the pause', async () => {
  const worker = await startSqlWorker(db.pool, { functions: ['embed'] });
  const plain = 'The request goes on; wait again, or cancel it with steadytext_cancel_async.';
  const hintOf = async (id: string) => (await sqlErrorOf(db.pool, WAIT, [id, 0])).hint;
  const id = await embed();
  expect(await hintOf(id)).toBe(plain);
  expect(await hintOf(await embed('some/model'))).toBe(
    'No running worker serves embed with model "some/model" (1 runs); start one with: lamplighter worker --embed-model some/model.',
  );
  const { rows } = await db.pool.query(`select steadytext_generate_async('p') as id`);
  expect(await hintOf(rows[0].id)).toBe(
    'No running worker serves generate (1 runs); start one with: lamplighter worker --generate-model MODEL.',
  );
  const json = await db.pool.query(`select steadytext_generate_json_async('p', '{"type": "object"}') as id`);
  expect(await hintOf(json.rows[0].id)).toBe(
    'No running worker serves generate_json (1 runs); start one with: lamplighter worker --generate-model MODEL. ' +
      'Until then nobody has checked the schema: a worker refuses one that it cannot enforce.',
  );
  await worker.renewLease({ status: 'stopping' });
  expect(await hintOf(id)).toBe('No running worker serves embed (none runs); start one with: lamplighter worker.');
  await worker.renewLease();
  await worker.fallSilent();
  expect(await hintOf(id)).toBe('No running worker serves embed (none runs); start one with: lamplighter worker.');
  await worker.renewLease();
  await db.pool.query(`select steadytext_pause('embed')`);
  expect(await hintOf(id)).toBe(
    `The function embed is paused; the schema owner can run: SELECT steadytext_resume('embed').`,
  );
});

test.each([
  ['statement_timeout', 30, `SET statement_timeout = '35s'`],
  ['statement_timeout', 2_147_483_647, `SET statement_timeout = '2147483s'`],
  ...((await serverMajor()) >= 17 ? ([['transaction_timeout', 30, `SET transaction_timeout = '35s'`]] as const) : []),
] as const)(
  'a wait that %s would cut ends just before, and the hint names the setting (%s seconds)',
  async (setting, timeout, advice) => {
    await using session = await openSession(db.uri);
    const id = await embed();
    await startSqlWorker(db.pool);
    await session.client.query(`set ${setting} = '300ms'`);
    expect(await sqlErrorOf(session.client, WAIT, [id, timeout])).toEqual({
      message: `Timeout waiting for async result (${timeout} seconds)`,
      code: 'P0001',
      detail: undefined,
      hint: `The wait was cut short by ${setting} (300 ms); raise it, e.g. ${advice}.`,
    });
  },
);

test('a cut wait names the setting also when there is a more urgent hint', async () => {
  await using session = await openSession(db.uri);
  const id = await embed();
  await session.client.query(`set statement_timeout = '300ms'`);
  expect((await sqlErrorOf(session.client, WAIT, [id, 30])).hint).toBe(
    'No running worker serves embed (none runs); start one with: lamplighter worker. The wait was cut short by statement_timeout (300 ms).',
  );
});

test.each(['repeatable read', 'serializable'])('under %s the wait is refused, as it would never end', async (level) => {
  await using session = await openSession(db.uri);
  const id = await embed();
  await session.client.query(`begin isolation level ${level}`);
  expect(await sqlErrorOf(session.client, WAIT, [id, 30])).toMatchObject({
    message: `steadytext_get_async_result works under READ COMMITTED only, this transaction is ${level.toUpperCase()}`,
    code: '0A000',
    hint: expect.stringContaining('READ COMMITTED'),
  });
});

test('a wait inside a read-only transaction works', async () => {
  await using session = await openSession(db.uri);
  const id = await embed();
  await session.client.query('begin read only');
  const answer = session.client.query(WAIT, [id, 30]);
  await untilAsleep(db.pool, session);
  await (await startSqlWorker(db.pool)).answer('[1]');
  expect((await answer).rows).toEqual([{ result: '[1]' }]);
});

test('a wait in a transaction that has written other rows works', async () => {
  await using session = await openSession(db.uri);
  const id = await embed();
  await session.client.query('begin');
  await session.client.query('create temporary table t ()');
  const answer = session.client.query(WAIT, [id, 30]);
  await untilAsleep(db.pool, session);
  await (await startSqlWorker(db.pool)).answer('[1]');
  expect((await answer).rows).toEqual([{ result: '[1]' }]);
});

test('a wait can be cancelled from another session, and the request goes on', async () => {
  await using session = await openSession(db.uri);
  const id = await embed();
  const answer = sqlErrorOf(session.client, WAIT, [id, 30]);
  await untilAsleep(db.pool, session);
  await db.pool.query('select pg_cancel_backend($1)', [session.pid]);
  expect(await answer).toMatchObject({ code: '57014' });
  expect((await db.pool.query('select status from steadytext_queue')).rows).toEqual([{ status: 'pending' }]);
});

test('waiting costs a handful of buffers a look', async () => {
  await using session = await openSession(db.uri);
  const id = await embed();
  await (await startSqlWorker(db.pool)).answer('[1]');
  await session.client.query(WAIT, [id, 30]);
  const { rows } = await session.client.query(
    `explain (analyze, buffers, timing off, format json) select steadytext_get_async_result('${id}', 30)`,
  );
  const plan = rows[0]['QUERY PLAN'][0].Plan;
  expect(plan['Shared Hit Blocks'] + plan['Shared Read Blocks']).toBeLessThan(20);
});
