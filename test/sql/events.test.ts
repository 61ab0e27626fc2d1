import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { loadQuery } from '../../src/db/load-sql.ts';
import type { Queryable } from '../../src/db/query.ts';
import type { ClaimedRequest } from '../../src/requests/claimed-request.ts';
import { announceCompletions, finishRequests, type Outcome } from '../../src/requests/finish-requests.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { openSession, type SqlSession } from '../support/sql-session.ts';
import { type SqlWorker, startSqlWorker } from '../support/sql-worker.ts';

let db: TestDatabase;
let worker: SqlWorker;
let listener: SqlSession;
let heard: string[] = [];
beforeAll(async () => {
  db = await createTestDatabase();
  worker = await startSqlWorker(db.pool);
  listener = await openSession(db.uri);
  listener.client.on('notification', ({ channel, payload }: pg.Notification) => heard.push(`${channel} ${payload}`));
  await listener.client.query(
    'listen steadytext_completed; listen lamplighter_wake; listen lamplighter_cancel; listen done',
  );
});
afterAll(async () => {
  await listener[Symbol.asyncDispose]();
  await db[Symbol.asyncDispose]();
});
beforeEach(async () => {
  await db.pool.query('delete from steadytext_queue; delete from lamplighter.waiting');
  await events();
});

/** All that was sent up to now: notifications come in the order of commits, so that the last one proves the others. */
async function events(): Promise<string[]> {
  const mark = `done ${Math.random()}`;
  await db.pool.query('select pg_notify($1, $2)', mark.split(' '));
  // A listener gets its notifications with the answer to a query that begins after they were sent.
  while (!heard.includes(mark)) await listener.client.query('select');
  const seen = heard.filter((event) => !event.startsWith('done '));
  heard = [];
  return seen;
}

async function embed(): Promise<string> {
  return (await db.pool.query(`select steadytext_embed_async('t') as id`)).rows[0].id;
}

/** Ends one request in a statement of its own; whether its end is announced, as far as it has one. */
async function finishAlone(
  queryable: Queryable,
  { id, attempt }: ClaimedRequest,
  outcome: Outcome = { kind: 'completed', result: 'r' },
): Promise<boolean> {
  const options = { workerId: worker.workerId, maxRetries: 3 };
  return (await finishRequests(queryable, [{ id, attempt, outcome }], options)).isAnnounced;
}

const ended = (id: string, status: string, name = 'embed') =>
  `steadytext_completed {"request_id": "${id}", "function": "${name}", "status": "${status}"}`;

test('completed and failed are announced, in these very words', async () => {
  const a = await embed();
  await worker.answer('r');
  const { rows } = await db.pool.query(`select steadytext_generate_json_async('p', '{}') as id`);
  const json = await startSqlWorker(db.pool, { functions: ['generate_json'] });
  await json.finish([await json.claimOne()], { kind: 'failed', error: 'e' });
  expect(await events()).toEqual([ended(a, 'completed'), ended(rows[0].id, 'failed', 'generate_json')]);
});

test('the last of the retries is announced, the others are not, and no event tells of pending', async () => {
  const id = await embed();
  await worker.finish([await worker.claimOne()], { kind: 'retry', error: 'e', delayMs: 0 }, { maxRetries: 1 });
  await db.pool.query('select lamplighter.promote_requests(1)');
  await worker.finish([await worker.claimOne()], { kind: 'release' });
  await worker.finish([await worker.claimOne()], { kind: 'defer', error: 'e', delayMs: 0 });
  await db.pool.query('select lamplighter.promote_requests(1)');
  expect(await events()).toEqual([]);
  await worker.finish([await worker.claimOne()], { kind: 'retry', error: 'e', delayMs: 0 }, { maxRetries: 1 });
  expect(await events()).toEqual([ended(id, 'failed')]);
});

test('a cancel is announced, of a running request to its worker as well', async () => {
  const pending = await embed();
  await db.pool.query('select steadytext_cancel_async($1)', [pending]);
  expect(await events()).toEqual([ended(pending, 'cancelled')]);
  const running = await embed();
  await worker.claim();
  await db.pool.query('select steadytext_cancel_async($1)', [running]);
  expect(await events()).toEqual([ended(running, 'cancelled'), `lamplighter_cancel ${running}`]);
});

test('a cancel by UPDATE is announced, too', async () => {
  const id = await embed();
  await db.pool.query(`update steadytext_queue set status = 'cancelled'`);
  expect(await events()).toEqual([ended(id, 'cancelled')]);
});

test('events come with the commit, and not at all with a rollback', async () => {
  const id = await embed();
  await using session = await openSession(db.uri);
  await session.client.query('begin');
  await session.client.query('select steadytext_cancel_async($1)', [id]);
  expect(await events()).toEqual([]);
  await session.client.query('rollback');
  expect(await events()).toEqual([]);
});

test('a finish of many requests sends one event for each, and none for what was lost', async () => {
  await db.pool.query(`select steadytext_embed_batch_async(array['a', 'b', 'c'])`);
  const claimed = await worker.claim();
  const lost = claimed[1]?.requestId ?? '';
  await db.pool.query('delete from steadytext_queue where request_id = $1', [lost]);
  await worker.finish(claimed, { kind: 'completed', result: 'r' });
  const seen = await events();
  expect(seen.sort()).toEqual(
    claimed
      .filter(({ requestId }) => requestId !== lost)
      .map(({ requestId }) => ended(requestId, 'completed'))
      .sort(),
  );
});

test('of two finishes at once one announces; the other neither waits nor keeps silent about it', async () => {
  await db.pool.query(`select steadytext_embed_batch_async(array['a', 'b'])`);
  const [a, b] = await worker.claim();
  if (!a || !b) throw new Error('expected two requests');
  await using first = await openSession(db.uri);
  await first.client.query('begin');
  expect(await finishAlone(first.client, a)).toBe(true);
  expect(await finishAlone(db.pool, b)).toBe(false);
  expect(await events()).toEqual([]);
  await first.client.query('commit');
  expect(await events()).toEqual([ended(a.requestId, 'completed')]);
  await announceCompletions(db.pool, [{ requestId: b.requestId, functionName: 'embed', status: 'completed' }], {
    workerId: worker.workerId,
    givenUp: 0,
  });
  expect(await events()).toEqual([ended(b.requestId, 'completed')]);
});

test('a finish that ends nothing for good leaves it to others to announce', async () => {
  await db.pool.query(`select steadytext_embed_batch_async(array['a', 'b'])`);
  const [a, b] = await worker.claim();
  if (!a || !b) throw new Error('expected two requests');
  await using first = await openSession(db.uri);
  await first.client.query('begin');
  expect(await finishAlone(first.client, a, { kind: 'release' })).toBe(true);
  expect(await finishAlone(db.pool, b)).toBe(true);
  await first.client.query('commit');
  expect(await events()).toEqual([ended(b.requestId, 'completed')]);
});

test('ends are announced in one transaction that waits for no disk, and what was given up is counted', async () => {
  const ends = [
    { requestId: randomUUID(), functionName: 'embed', status: 'completed' },
    { requestId: randomUUID(), functionName: 'rerank', status: 'failed' },
  ] as const;
  await db.pool.query('update lamplighter.worker set events_dropped = 0');
  await using session = await openSession(db.uri);
  await session.client.query('begin');
  await announceCompletions(session.client, ends, { workerId: worker.workerId, givenUp: 3 });
  const { rows } = await session.client.query('show synchronous_commit');
  expect(rows).toEqual([{ synchronous_commit: 'off' }]);
  await session.client.query('commit');
  expect(await events()).toEqual(
    ends.map(({ requestId, functionName, status }) => ended(requestId, status, functionName)),
  );
  const dropped = await db.pool.query('select events_dropped::int from lamplighter.worker where worker_id = $1', [
    worker.workerId,
  ]);
  expect(dropped.rows).toEqual([{ events_dropped: 3 }]);
});

test('a poisonous request that fails for good in the rescue is announced', async () => {
  const id = await embed();
  const victim = await startSqlWorker(db.pool);
  await victim.claim();
  await db.pool.query(
    'insert into lamplighter.quarantine (id, deaths) select id, 2 from lamplighter.list_in_flight($1)',
    [victim.workerId],
  );
  await victim.fallSilent();
  await db.pool.query('select lamplighter.rescue_requests(0)');
  expect(await events()).toEqual([ended(id, 'failed')]);
});

const requestWakeUp = () => db.pool.query(loadQuery('request_wake_up'), ['requests']);
const confirm = (epoch: string) => db.pool.query(loadQuery('confirm_wake_up'), ['requests', epoch]);

test('enqueuers are silent unless a worker asked to be woken', async () => {
  await embed();
  expect(await events()).toEqual([]);
  await requestWakeUp();
  await embed();
  await db.pool.query(`select steadytext_embed_batch_async(array['a', 'b', 'c'])`);
  expect(await events()).toEqual(['lamplighter_wake requests:1', 'lamplighter_wake requests:1']);
});

test('a transaction wakes once, however much it queues', async () => {
  await requestWakeUp();
  await db.pool.query(`do $$ begin for i in 1 .. 50 loop perform steadytext_embed_async('t'); end loop; end $$`);
  expect(await events()).toEqual(['lamplighter_wake requests:1']);
});

test('a worker takes down its own request for a wake-up and not a later one', async () => {
  await requestWakeUp();
  await requestWakeUp();
  await confirm('1');
  await embed();
  expect(await events()).toEqual(['lamplighter_wake requests:2']);
  await confirm('2');
  await embed();
  expect(await events()).toEqual([]);
});

test('each topic has a flag of its own', async () => {
  await db.pool.query(`select lamplighter.request_wake_up('tasks')`);
  await embed();
  expect(await events()).toEqual([]);
  await requestWakeUp();
  await db.pool.query(`select lamplighter.confirm_wake_up('tasks', 1)`);
  await embed();
  expect(await events()).toEqual(['lamplighter_wake requests:1']);
  await db.pool.query(`select lamplighter.wake_workers('tasks')`);
  expect(await events()).toEqual([]);
  await db.pool.query(`select lamplighter.request_wake_up('tasks'), lamplighter.wake_workers('tasks')`);
  expect(await events()).toEqual(['lamplighter_wake tasks:2']);
});

test('a retry by hand, a resumed function and a given-back request wake as well', async () => {
  await requestWakeUp();
  const id = await embed();
  await events();
  await worker.finish([await worker.claimOne()], { kind: 'failed', error: 'e' });
  await db.pool.query('select steadytext_retry($1)', [id]);
  expect(await events()).toEqual([ended(id, 'failed'), 'lamplighter_wake requests:1']);
  await db.pool.query(`select steadytext_pause('embed'); select steadytext_resume('embed')`);
  expect(await events()).toEqual(['lamplighter_wake requests:1']);
  await worker.finish(await worker.claim(), { kind: 'release' });
  expect(await events()).toEqual(['lamplighter_wake requests:1']);
});

test('asking for a wake-up neither waits for an open enqueuer nor makes one fail', async () => {
  await using session = await openSession(db.uri);
  await session.client.query('begin isolation level repeatable read');
  await session.client.query(`select steadytext_embed_async('t')`);
  await db.pool.query(`set local lock_timeout = '1ms'; select lamplighter.request_wake_up('requests')`);
  await session.client.query(`select steadytext_embed_async('t')`);
  await session.client.query('commit');
  expect((await db.pool.query('select from steadytext_queue')).rows).toHaveLength(2);
});
