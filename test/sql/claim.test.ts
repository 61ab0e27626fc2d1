import pg from 'pg';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { RequestFunction } from '../../src/core/request-functions.ts';
import { loadQuery } from '../../src/db/load-sql.ts';
import { claimRequests, claimRequestsAtOnce, listReady } from '../../src/requests/claim-requests.ts';
import type { ClaimedRequest } from '../../src/requests/claimed-request.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { sqlErrorOf } from '../support/sql-error.ts';
import { openSession, type SqlSession } from '../support/sql-session.ts';
import { type SqlWorker, startSqlWorker } from '../support/sql-worker.ts';

let db: TestDatabase;
let worker: SqlWorker;
beforeAll(async () => {
  db = await createTestDatabase();
  worker = await startSqlWorker(db.pool);
});
afterAll(() => db[Symbol.asyncDispose]());
beforeEach(() => db.pool.query('delete from steadytext_queue'));

const textsOf = (requests: readonly ClaimedRequest[]): string[] =>
  requests.map(({ parameters }) => JSON.parse(parameters ?? '').text_input);

async function enqueueAs(username: string, count: number, priority = 0): Promise<void> {
  await db.pool.query(
    `insert into steadytext_queue (function_name, parameters, username, priority)
     select 'embed', jsonb_build_object('text_input', $1 || '-' || n), $1, $3 from generate_series(1, $2) as n`,
    [username, count, priority],
  );
}

async function openSessions(count: number): Promise<AsyncDisposable & { readonly list: readonly SqlSession[] }> {
  const list = await Promise.all(Array.from({ length: count }, () => openSession(db.uri)));
  return {
    list,
    async [Symbol.asyncDispose]() {
      await Promise.all(list.map((session) => session[Symbol.asyncDispose]()));
    },
  };
}

test('requests come by priority, then age, then id', async () => {
  await db.pool.query(
    `insert into steadytext_queue (function_name, parameters, priority, created_at)
     select 'embed', jsonb_build_object('text_input', v.text), v.priority, now() - v.age
     from (values ('e', 0, interval '0'), ('c', 5, '0'), ('b', 5, '1 hour'), ('f', -2147483648, '1 day'), ('a', 2147483647, '0'),
                  ('d', 5, '0')) as v (text, priority, age)`,
  );
  const order: string[] = [];
  for (let i = 0; i < 6; i += 1) order.push(...textsOf([await worker.claimOne()]));
  expect(order).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
});

test('a claim tells all that the worker needs, and marks the row', async () => {
  const { rows } = await db.pool.query(`select steadytext_embed_async('t', priority => 2) as id`);
  const request = await worker.claimOne();
  expect(request).toEqual({
    id: expect.stringMatching(/^\d+$/),
    requestId: rows[0].id,
    lane: { functionName: 'embed', model: 'default' },
    username: 'postgres',
    parameters: '{"use_cache": true, "text_input": "t"}',
    priority: 2,
    createdUs: expect.stringMatching(/^\d{16}$/),
    attempt: 1,
    retryCount: 0,
    traceparent: null,
  });
  const row = await db.pool.query(
    `select status, worker_id, attempt, started_at > created_at as has_start from steadytext_queue`,
  );
  expect(row.rows).toEqual([{ status: 'processing', worker_id: worker.workerId, attempt: 1, has_start: true }]);
});

test('a claim keeps to its function and its model', async () => {
  await db.pool.query(
    `select steadytext_embed_async('default'), steadytext_embed_async('other', model => 'm'), steadytext_generate_async('p')`,
  );
  const other = await startSqlWorker(db.pool, { functions: ['embed'], model: 'm' });
  expect(textsOf(await other.claim())).toEqual(['other']);
  const embed = await startSqlWorker(db.pool, { functions: ['embed'] });
  expect(textsOf(await embed.claim())).toEqual(['default']);
});

test('many sessions that claim at once never share a request, and leave none', async () => {
  await enqueueAs('postgres', 200);
  await using sessions = await openSessions(4);
  const workers = await Promise.all(sessions.list.map(({ client }) => startSqlWorker(client)));
  const claims = await Promise.all(
    workers.map(async (each) => {
      const mine: string[] = [];
      for (let batch = await each.claim({ limit: 7 }); batch.length > 0; batch = await each.claim({ limit: 7 })) {
        mine.push(...batch.map(({ id }) => id));
      }
      return mine;
    }),
  );
  const all = claims.flat();
  expect(new Set(all).size).toBe(all.length);
  const left = await db.pool.query(`select from steadytext_queue where status = 'pending'`);
  expect(all.length + left.rows.length).toBe(200);
  expect(textsOf(await worker.claim({ limit: 200 }))).toHaveLength(left.rows.length);
});

test('a claim passes over what another session has claimed and not committed, or locked', async () => {
  await enqueueAs('postgres', 3);
  await using session = await openSession(db.uri);
  await session.client.query('begin');
  const other = await startSqlWorker(session.client);
  expect(textsOf(await other.claim({ limit: 1 }))).toEqual(['postgres-1']);
  await session.client.query(
    `select from steadytext_queue where parameters ->> 'text_input' = 'postgres-2' for update`,
  );
  expect(textsOf(await worker.claim())).toEqual(['postgres-3']);
});

test("one role's flood does not starve another: each gets its share of a claim", async () => {
  await enqueueAs('flood', 100, 10);
  await enqueueAs('quiet', 2);
  const claimed = await worker.claim({ limit: 10, share: 5 });
  expect(claimed.filter(({ username }) => username === 'flood')).toHaveLength(5);
  expect(claimed.filter(({ username }) => username === 'quiet')).toHaveLength(2);
});

test('a share spans the priorities of a role', async () => {
  await enqueueAs('a', 2, 5);
  await enqueueAs('a', 5, 1);
  await enqueueAs('b', 9);
  const claimed = await worker.claim({ limit: 20, share: 4 });
  expect(claimed.map(({ username, priority }) => `${username}${priority}`)).toEqual([
    'a5',
    'b0',
    'a5',
    'b0',
    'a1',
    'b0',
    'a1',
    'b0',
  ]);
});

test('the ready list has the head of each role and priority, the highest priorities first', async () => {
  await enqueueAs('b', 2, 3);
  await enqueueAs('b', 2, 9);
  await enqueueAs('b', 1, 1);
  await enqueueAs('a', 1, -5);
  const list = async (perRole: number) =>
    (await db.pool.query(loadQuery('list_ready'), [['embed', 'rerank'], ['default', 'default'], perRole])).rows;
  expect((await list(2)).map(({ username, priority }) => `${username}${priority}`)).toEqual(['a-5', 'b9', 'b3']);
  const [, head] = await list(1);
  const row = await db.pool.query('select min(id) as id from steadytext_queue where priority = 9');
  expect(head).toMatchObject({ function_name: 'embed', model: 'default', id: row.rows[0].id });
});

test('a remembered lower bound starts the claim there, and nothing before it is lost', async () => {
  await enqueueAs('postgres', 5);
  const { rows } = await db.pool.query(
    'select id, (extract(epoch from created_at) * 1000000)::bigint as at from steadytext_queue order by id',
  );
  const claim = async (low: { at: string; id: string }) =>
    db.pool.query(loadQuery('claim_requests'), [
      worker.workerId,
      -Number(low.id),
      'embed',
      'default',
      ['postgres'],
      [0],
      [low.at],
      [low.id],
      await nowUs(),
      10,
      10,
      false,
    ]);
  expect((await claim(rows[3])).rows.map(({ id }) => id).sort()).toEqual([rows[3].id, rows[4].id].sort());
  expect((await claim({ at: '0', id: '0' })).rows).toHaveLength(3);
});

/** Numbers of claims that no other test has. */
let atOnceNumber = 1_000_000;

/** What was taken in one statement; undefined when a look is needed. */
async function claimAtOnce(most: number, functionNames: readonly RequestFunction[] = ['embed']) {
  atOnceNumber += 1;
  const requests = await claimRequestsAtOnce(db.pool, {
    workerId: worker.workerId,
    claimNumber: atOnceNumber,
    lanes: functionNames.map((functionName) => ({ functionName, model: 'default', most })),
  });
  return requests?.map(({ lane, username, priority }) => `${lane.functionName} ${username}${priority}`);
}

test('at once, all of the first lane that has anything is claimed, in turns and by urgency, if there is room for it', async () => {
  const before = atOnceNumber;
  expect(await claimAtOnce(4, ['rerank', 'embed'])).toEqual([]);
  await enqueueAs('b', 2, 1);
  await enqueueAs('b', 1, 9);
  await enqueueAs('a', 2);
  await db.pool.query(`select steadytext_rerank_async('q', array['d'])`);
  expect(await claimAtOnce(4, ['embed', 'rerank'])).toBeUndefined();
  expect(await claimAtOnce(5, ['embed', 'rerank'])).toEqual([
    'embed a0',
    'embed b9',
    'embed a0',
    'embed b1',
    'embed b1',
  ]);
  expect(await claimAtOnce(5, ['embed', 'rerank'])).toEqual(['rerank postgres0']);
  expect(await claimAtOnce(5, ['embed', 'rerank'])).toEqual([]);
  const { rows } = await db.pool.query(
    'select cardinality(ids) as size from lamplighter.claim where worker_id = $1 and claim_number > $2 order by claim_number',
    [worker.workerId, before],
  );
  expect(rows.map(({ size }) => size)).toEqual([5, 1]);
});

test('at once, started_at goes by urgency', async () => {
  for (const priority of [0, 5, 9, 2]) await enqueueAs('postgres', 1, priority);
  expect(await claimAtOnce(4)).toHaveLength(4);
  const { rows } = await db.pool.query('select priority from steadytext_queue order by started_at');
  expect(rows.map(({ priority }) => priority)).toEqual([9, 5, 2, 0]);
});

test('at once, what is locked, or the whole table, needs a scan; what is too large too; what is paused is not there', async () => {
  await enqueueAs('postgres', 1);
  await using session = await openSession(db.uri);
  await session.client.query(`begin; select from steadytext_queue for update`);
  expect(await claimAtOnce(5)).toBeUndefined();
  await session.client.query('rollback; begin; lock table steadytext_queue');
  expect(await claimAtOnce(5)).toBeUndefined();
  await session.client.query('commit');
  await db.pool.query(`select steadytext_pause('embed')`);
  expect(await claimAtOnce(5)).toEqual([]);
  await db.pool.query(`select steadytext_resume('embed')`);
  expect(await claimAtOnce(5)).toEqual(['embed postgres0']);
  // Stored in some kilobytes.
  await db.pool.query(`select steadytext_embed_async(repeat('x', 300000)) from generate_series(1, 2)`);
  expect(await claimAtOnce(5)).toBeUndefined();
});

test('a claim that was held up on its way gives nothing, as what has come since would be passed over', async () => {
  await enqueueAs('postgres', 1);
  const [head] = await listReady(db.pool, [{ functionName: 'embed', model: 'default' }], 1);
  if (head === undefined) throw new Error('expected a head');
  const claim = (claimNumber: number, agoUs: number) =>
    claimRequests(db.pool, {
      workerId: worker.workerId,
      claimNumber: -claimNumber,
      lane: head.lane,
      levels: [{ ...head, seenUs: String(Number(head.seenUs) - agoUs) }],
      share: 1,
      limit: 1,
    });
  expect(await claim(1, 2_000_001)).toEqual([]);
  expect(await claim(2, 0)).toHaveLength(1);
});

test('what waits for a retry is not ready before it is due, and then is', async () => {
  await enqueueAs('postgres', 2);
  const [a, b] = await worker.claim();
  if (a === undefined || b === undefined) throw new Error('expected two requests');
  await worker.finish([a], { kind: 'retry', error: 'e', delayMs: 3_600_000 });
  await worker.finish([b], { kind: 'defer', error: 'e', delayMs: 0 });
  const promote = async () => (await db.pool.query(loadQuery('promote_requests'), [10])).rows[0].promoted;
  expect(await worker.claim()).toEqual([]);
  expect(await promote()).toBe('1');
  expect((await worker.claim()).map(({ id, retryCount }) => ({ id, retryCount }))).toEqual([
    { id: b.id, retryCount: 0 },
  ]);
  await db.pool.query(`update steadytext_queue set run_at = run_at - interval '1 hour' where run_at is not null`);
  expect(await promote()).toBe('1');
  expect((await worker.claim()).map(({ id, retryCount }) => ({ id, retryCount }))).toEqual([
    { id: a.id, retryCount: 1 },
  ]);
  expect(await promote()).toBe('0');
});

test('promotion passes over locked rows and stops at its limit', async () => {
  await enqueueAs('postgres', 3);
  await db.pool.query(`update steadytext_queue set run_at = now()`);
  await using session = await openSession(db.uri);
  await session.client.query(
    'begin; select from steadytext_queue where id = (select min(id) from steadytext_queue) for update',
  );
  const promote = async (limit: number) =>
    (await db.pool.query(loadQuery('promote_requests'), [limit])).rows[0].promoted;
  expect(await promote(1)).toBe('1');
  expect(await promote(10)).toBe('1');
});

test('a worker without a lease claims nothing', async () => {
  await enqueueAs('postgres', 1);
  const stopped = await startSqlWorker(db.pool);
  await stopped.renewLease({ status: 'stopped' });
  await expect(stopped.claim()).rejects.toMatchObject({
    code: 'LL001',
    message: `Worker ${stopped.workerId} has lost its lease`,
  });
  await expect(stopped.claimQuarantined(1)).rejects.toMatchObject({ code: 'LL001' });
  const atOnce = claimRequestsAtOnce(db.pool, {
    workerId: stopped.workerId,
    claimNumber: 1,
    lanes: [{ functionName: 'embed', model: 'default', most: 1 }],
  });
  await expect(atOnce).rejects.toMatchObject({ code: 'LL001' });
  expect(await worker.claim()).toHaveLength(1);
});

test('claims wait for no disk, enqueues and finishes do', async () => {
  await using session = await openSession(db.uri);
  const setting = async () =>
    (await session.client.query(`select current_setting('synchronous_commit') as value`)).rows[0].value;
  const other = await startSqlWorker(session.client);
  await enqueueAs('postgres', 1);
  await session.client.query('begin');
  await other.claimOne();
  expect(await setting()).toBe('off');
  await session.client.query('commit; begin');
  await session.client.query(`select steadytext_embed_async('t')`);
  await other.finish([], { kind: 'release' });
  expect(await setting()).toBe('on');
  await session.client.query('rollback');
  expect(await setting()).toBe('on');
});

test('a login with worker grants claims without being able to read the table', async () => {
  await enqueueAs('postgres', 1);
  const login = await db.createRole('worker');
  await db.pool.query(`select lamplighter.grant_worker($1)`, [login.name]);
  await using session = await openSession(login.uri);
  const granted = await startSqlWorker(session.client);
  expect(await granted.claim()).toHaveLength(1);
  await expect(session.client.query('select from steadytext_queue')).rejects.toBeInstanceOf(pg.DatabaseError);
});

test('the lower bound is exact to the microsecond, in whatever century', async () => {
  const times = ['0001-01-03 00:00:00.000001+00', '1969-12-31 23:59:59.999999+00', '9999-12-29 23:59:59.999999+00'];
  for (const at of times) {
    await db.pool.query(`insert into steadytext_queue (function_name, created_at) values ('embed', $1)`, [at]);
    const [head] = await listReady(db.pool, [{ functionName: 'embed', model: 'default' }], 1);
    if (head === undefined) throw new Error('expected a head');
    const claim = (createdUs: bigint) =>
      claimRequests(db.pool, {
        workerId: worker.workerId,
        claimNumber: -Number(head.id),
        lane: head.lane,
        levels: [{ ...head, createdUs: String(createdUs) }],
        share: 1,
        limit: 1,
      });
    expect(await claim(BigInt(head.createdUs) + 1n)).toEqual([]);
    expect(await claim(BigInt(head.createdUs))).toMatchObject([{ id: head.id, createdUs: head.createdUs }]);
  }
});

test('a time without end is no time of queueing', async () => {
  const insert = `insert into steadytext_queue (function_name, created_at) values ('embed', 'infinity')`;
  expect(await sqlErrorOf(db.pool, insert)).toMatchObject({ code: '23514' });
});

test('a claim gives half a megabyte at most, but one request at least, and none is left out for long', async () => {
  const text = `(select string_agg(md5(n::text), '') from generate_series(1, 3906 * $1) as n)`;
  for (const eighths of [1, 1, 1, 3, 3]) await db.pool.query(`select steadytext_embed_async(${text})`, [eighths]);
  const counts: number[] = [];
  for (let taken = 0; taken < 5; taken += counts.at(-1) ?? 5) counts.push((await worker.claim({ limit: 100 })).length);
  expect(counts).toEqual([3, 1, 1]);
});

test('what is compressed counts with the size that a worker gets', async () => {
  for (let n = 0; n < 4; n += 1) await db.pool.query(`select steadytext_embed_async(repeat('x', 4000000))`);
  expect(await worker.claim({ limit: 100 })).toHaveLength(1);
  expect(await worker.claim({ limit: 100 })).toHaveLength(1);
});

async function nowUs(): Promise<string> {
  const { rows } = await db.pool.query('select (extract(epoch from clock_timestamp()) * 1000000)::bigint as us');
  return rows[0].us;
}
