import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { loadQuery } from '../../src/db/load-sql.ts';
import type { ClaimedRequest } from '../../src/requests/claimed-request.ts';
import { rescueRequests } from '../../src/requests/rescue-requests.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { openSession } from '../support/sql-session.ts';
import { startSqlWorker } from '../support/sql-worker.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
});
afterAll(() => db[Symbol.asyncDispose]());
beforeEach(() =>
  db.pool.query('delete from steadytext_queue; delete from lamplighter.worker; delete from lamplighter.suspect'),
);

const rescue = (maxRetries = 3) => rescueRequests(db.pool, maxRetries);
const enqueue = (count: number) =>
  db.pool.query(`select steadytext_embed_batch_async(array(select 't' || n from generate_series(1, $1::int) as n))`, [
    count,
  ]);
const rowsOf = async (text: string) => (await db.pool.query(text)).rows;
const hasSuspects = async () => (await db.pool.query(loadQuery('has_suspects'))).rows[0].has_suspects;

/** Registers a worker, lets it claim, and kills it. */
async function dieWith(count: number): Promise<ClaimedRequest[]> {
  const worker = await startSqlWorker(db.pool);
  const claimed = await worker.claim({ limit: count });
  await worker.fallSilent();
  return claimed;
}

test('what a silent worker held goes back, uncharged, and is announced as dead', async () => {
  await enqueue(3);
  const claimed = await dieWith(3);
  const rescued = await rescue();
  expect(rescued.map(({ id }) => id).sort()).toEqual(claimed.map(({ id }) => id).sort());
  expect(rescued.every(({ status, isCharged }) => status === 'pending' && !isCharged)).toBe(true);
  expect(
    await rowsOf(
      `select status, worker_id, retry_count, attempt, error, run_at = '9000-01-01 00:00+00' as is_apart from steadytext_queue limit 1`,
    ),
  ).toEqual([{ status: 'pending', worker_id: null, retry_count: 0, attempt: 1, error: null, is_apart: true }]);
  expect(
    await rowsOf('select status, in_flight_at_death, died_at is not null as has_end from lamplighter.worker'),
  ).toEqual([{ status: 'dead', in_flight_at_death: 3, has_end: true }]);
  expect(await rescue()).toEqual([]);
});

test('a worker that is on time keeps what it holds', async () => {
  await enqueue(1);
  const worker = await startSqlWorker(db.pool);
  const claimed = await worker.claim();
  expect(await rescue()).toEqual([]);
  expect((await worker.finish(claimed, { kind: 'completed', result: 'r' })).size).toBe(1);
});

test('a worker that stopped without handing back what it held is relieved of it, uncharged', async () => {
  await enqueue(1);
  const worker = await startSqlWorker(db.pool);
  await worker.claim();
  await worker.renewLease({ status: 'stopped' });
  expect(await rescue()).toMatchObject([{ isCharged: false, status: 'pending', workerId: worker.workerId }]);
});

test('the finish of a worker that was taken for dead changes nothing', async () => {
  await enqueue(2);
  const worker = await startSqlWorker(db.pool);
  const claimed = await worker.claim();
  await worker.fallSilent();
  await rescue();
  expect(await worker.finish(claimed, { kind: 'completed', result: 'late' })).toEqual(new Map());
  expect(await rowsOf('select distinct status, result from steadytext_queue')).toEqual([
    { status: 'pending', result: null },
  ]);
});

test('nor does it make anybody forget that its requests wait to be run alone', async () => {
  await enqueue(2);
  const zombie = await startSqlWorker(db.pool);
  const claimed = await zombie.claim();
  await zombie.fallSilent();
  await rescue();
  await zombie.finish(claimed, { kind: 'completed', result: 'late' });
  await zombie.finish(claimed, { kind: 'retry', error: 'late', delayMs: 0 });
  const worker = await startSqlWorker(db.pool);
  for (const _ of claimed) {
    const suspect = await worker.claimSuspect();
    if (suspect === undefined) throw new Error('expected a request that is run alone');
    await worker.finish([suspect], { kind: 'completed', result: 'r' });
  }
  expect(await rowsOf('select distinct status from steadytext_queue')).toEqual([{ status: 'completed' }]);
});

test('rescued requests are never handed out with others, the most urgent first', async () => {
  await enqueue(2);
  await db.pool.query(`select steadytext_embed_async('urgent', priority => 9)`);
  await dieWith(3);
  await rescue();
  expect(await hasSuspects()).toBe(true);
  const worker = await startSqlWorker(db.pool);
  expect(await worker.claim()).toEqual([]);
  const first = await worker.claimSuspect();
  expect(first).toMatchObject({
    priority: 9,
    attempt: 2,
    retryCount: 0,
    lane: { functionName: 'embed', model: 'default' },
  });
  const [second, third] = await Promise.all([worker.claimSuspect(), worker.claimSuspect()]);
  expect(new Set([first?.id, second?.id, third?.id]).size).toBe(3);
  expect(await worker.claimSuspect()).toBeUndefined();
});

test('after one death suspects of one lane are handed out in small groups, after the next one by one', async () => {
  await enqueue(3);
  await db.pool.query(`select steadytext_rerank_async('q', array['d'])`);
  await dieWith(4);
  await rescue();
  const unlucky = await startSqlWorker(db.pool);
  const group = await unlucky.claimSuspects(2);
  expect(group.map(({ lane, priority }) => [lane.functionName, priority])).toEqual([
    ['embed', 0],
    ['embed', 0],
  ]);
  await unlucky.fallSilent();
  expect((await rescue()).map(({ isCharged }) => isCharged)).toEqual([false, false]);
  const worker = await startSqlWorker(db.pool);
  const sizes: number[] = [];
  for (let claimed = await worker.claimSuspects(9); claimed.length > 0; claimed = await worker.claimSuspects(9)) {
    sizes.push(claimed.length);
    await worker.finish(claimed, { kind: 'completed', result: 'r' });
  }
  expect(sizes).toEqual([1, 1, 1, 1]);
});

test('a worker gets suspects of its own lanes only, and none of a paused function', async () => {
  await enqueue(1);
  await dieWith(1);
  await rescue();
  expect(await (await startSqlWorker(db.pool, { functions: ['rerank'] })).claimSuspect()).toBeUndefined();
  expect(await (await startSqlWorker(db.pool, { model: 'm' })).claimSuspect()).toBeUndefined();
  const worker = await startSqlWorker(db.pool);
  await db.pool.query(`select steadytext_pause('embed')`);
  expect(await worker.claimSuspect()).toBeUndefined();
  await db.pool.query(`select steadytext_resume('embed')`);
  expect(await worker.claimSuspect()).toBeDefined();
});

test('a request that was alone when its worker died is charged, and its neighbours of before are not', async () => {
  await enqueue(2);
  await dieWith(2);
  await rescue();
  const worker = await startSqlWorker(db.pool);
  await worker.claimSuspect();
  await worker.fallSilent();
  expect(await rescue()).toMatchObject([{ isCharged: true, status: 'pending' }]);
  expect(await rowsOf('select retry_count, error from steadytext_queue order by retry_count')).toEqual([
    { retry_count: 0, error: null },
    { retry_count: 1, error: 'The worker died while it ran this request alone' },
  ]);
});

test('a poisonous request fails within its budget, and innocents complete uncharged', async () => {
  await enqueue(4);
  const poison = (await dieWith(4))[2]?.id;
  let deaths = 1;
  await rescue(2);
  for (let step = 0; step < 20 && (await hasSuspects()); step += 1) {
    const worker = await startSqlWorker(db.pool);
    const suspect = await worker.claimSuspect();
    if (suspect === undefined) throw new Error('expected a request that is run alone');
    if (suspect.id === poison) {
      await worker.fallSilent();
      deaths += 1;
    } else {
      await worker.finish([suspect], { kind: 'completed', result: 'r' });
    }
    await rescue(2);
  }
  expect(deaths).toBe(4);
  expect(
    await rowsOf(
      `select status, count(*)::int, max(retry_count) as charged, count(failed_at)::int as ends from steadytext_queue group by status order by status`,
    ),
  ).toEqual([
    { status: 'completed', count: 3, charged: 0, ends: 0 },
    { status: 'failed', count: 1, charged: 2, ends: 1 },
  ]);
  expect(await rowsOf('select from lamplighter.suspect')).toEqual([]);
});

test.each([
  ['completed', { kind: 'completed', result: 'r' }, 'completed'],
  ['failed', { kind: 'failed', error: 'e' }, 'failed'],
  ['an ordinary failure', { kind: 'retry', error: 'e', delayMs: 0 }, 'pending'],
  ['deferred', { kind: 'defer', error: 'e', delayMs: 0 }, 'pending'],
] as const)('a suspect that ended alone (%s) is suspected no more', async (_, outcome, status) => {
  await enqueue(1);
  await dieWith(1);
  await rescue();
  const worker = await startSqlWorker(db.pool);
  const suspect = await worker.claimSuspect();
  if (suspect === undefined) throw new Error('expected a request that is run alone');
  expect([...(await worker.finish([suspect], outcome)).values()]).toEqual([status]);
  expect(await hasSuspects()).toBe(false);
  await db.pool.query('select lamplighter.promote_requests(10)');
  expect(await worker.claim()).toHaveLength(status === 'pending' ? 1 : 0);
});

test('a suspect that was handed back stays one: it is still run alone', async () => {
  await enqueue(2);
  await dieWith(2);
  await rescue();
  const worker = await startSqlWorker(db.pool);
  const suspect = await worker.claimSuspect();
  if (suspect === undefined) throw new Error('expected a request that is run alone');
  await worker.finish([suspect], { kind: 'release' });
  expect(await worker.claim()).toEqual([]);
  expect(await worker.claimSuspect()).toMatchObject({ id: suspect.id, attempt: 3 });
});

test.each([
  ['cancelled', `update steadytext_queue set status = 'cancelled'`],
  ['deleted', 'delete from steadytext_queue'],
])('a suspect that was %s is forgotten', async (_, statement) => {
  await enqueue(1);
  await dieWith(1);
  await rescue();
  await db.pool.query(statement);
  const worker = await startSqlWorker(db.pool);
  expect(await worker.claimSuspect()).toBeUndefined();
  await rescue();
  expect(await hasSuspects()).toBe(false);
});

test('a row that somebody has locked is rescued by the next pass', async () => {
  await enqueue(2);
  const claimed = await dieWith(2);
  {
    await using session = await openSession(db.uri);
    await session.client.query('begin');
    await session.client.query('select from steadytext_queue where id = $1 for update', [claimed[0]?.id]);
    expect((await rescue()).map(({ id }) => id)).toEqual([claimed[1]?.id]);
  }
  expect((await rescue()).map(({ id, isCharged }) => ({ id, isCharged }))).toEqual([
    { id: claimed[0]?.id, isCharged: false },
  ]);
});

test('two rescuers at once rescue each request once', async () => {
  await enqueue(50);
  await dieWith(50);
  await using a = await openSession(db.uri);
  await using b = await openSession(db.uri);
  const both = await Promise.all([rescueRequests(a.client, 3), rescueRequests(b.client, 3)]);
  const late = await rescue();
  expect([...both.flat(), ...late].map(({ id }) => id).sort()).toHaveLength(50);
  expect(new Set([...both.flat(), ...late].map(({ id }) => id)).size).toBe(50);
});

test('a claim that commits after its worker was found dead is rescued by the next pass, uncharged', async () => {
  await enqueue(1);
  await using session = await openSession(db.uri);
  const slow = await startSqlWorker(db.pool);
  await slow.fallSilent();
  await session.client.query('begin');
  await session.client.query(loadQuery('claim_requests'), [
    slow.workerId,
    1,
    'embed',
    'default',
    ['postgres'],
    [0],
    ['0'],
    ['0'],
    Date.now() * 1_000,
    1,
    1,
  ]);
  expect(await rescue()).toEqual([]);
  await session.client.query('commit');
  expect(await rescue()).toMatchObject([{ isCharged: false }]);
});

test('old ends are pruned in steps, the oldest first, locked ones later', async () => {
  await enqueue(4);
  await (await startSqlWorker(db.pool)).answer('r');
  await db.pool.query(`update steadytext_queue set completed_at = completed_at - interval '1 day'`);
  await enqueue(1);
  const prune = async (ms: number, limit: number) =>
    (await db.pool.query(loadQuery('prune_requests'), [ms, limit])).rows[0].pruned;
  expect(await prune(2 * 86_400_000, 10)).toBe('0');
  await using session = await openSession(db.uri);
  await session.client.query(
    'begin; select from steadytext_queue where id = (select min(id) from steadytext_queue) for update',
  );
  expect(await prune(3_600_000, 2)).toBe('2');
  expect(await prune(3_600_000, 10)).toBe('1');
  await session.client.query('rollback');
  expect(await prune(3_600_000, 10)).toBe('1');
  expect(await rowsOf('select status from steadytext_queue')).toEqual([{ status: 'pending' }]);
});
