import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { ClaimedRequest } from '../../src/requests/claimed-request.ts';
import { finishRequests, type Outcome } from '../../src/requests/finish-requests.ts';
import { listLost } from '../../src/requests/list-lost.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { openSession } from '../support/sql-session.ts';
import { type SqlWorker, startSqlWorker } from '../support/sql-worker.ts';

let db: TestDatabase;
let worker: SqlWorker;
beforeAll(async () => {
  db = await createTestDatabase();
  worker = await startSqlWorker(db.pool);
});
afterAll(() => db[Symbol.asyncDispose]());
beforeEach(() => db.pool.query('delete from steadytext_queue'));

/** run_at of what is out of the queue. */
const FAR_AWAY = new Date('9000-01-01T00:00:00Z');
const COMPLETED: Outcome = { kind: 'completed', result: 'r' };

async function claimNew(count = 1): Promise<ClaimedRequest[]> {
  await db.pool.query(
    `select steadytext_embed_batch_async(array(select 't' || n from generate_series(1, $1::int) as n))`,
    [count],
  );
  return worker.claim();
}

async function row(id: string | undefined) {
  return (await db.pool.query('select * from steadytext_queue where id = $1', [id])).rows[0];
}

test.each([
  [
    { kind: 'completed', result: 'r' },
    {
      status: 'completed',
      result: 'r',
      error: null,
      completed_at: expect.any(Date),
      failed_at: null,
      retry_count: 0,
      run_at: FAR_AWAY,
    },
  ],
  [
    { kind: 'failed', error: 'e' },
    {
      status: 'failed',
      result: null,
      error: 'e',
      completed_at: expect.any(Date),
      failed_at: expect.any(Date),
      retry_count: 0,
      run_at: FAR_AWAY,
    },
  ],
  [
    { kind: 'retry', error: 'e', delayMs: 5_000 },
    {
      status: 'pending',
      error: 'e',
      completed_at: null,
      failed_at: null,
      retry_count: 1,
      worker_id: null,
      run_at: expect.any(Date),
    },
  ],
  [
    { kind: 'defer', error: 'e', delayMs: 5_000 },
    { status: 'pending', error: 'e', retry_count: 0, worker_id: null, run_at: expect.any(Date) },
  ],
  [{ kind: 'release' }, { status: 'pending', error: null, retry_count: 0, worker_id: null, run_at: null }],
] satisfies [Outcome, object][])('the outcome %o leaves the row as documented', async (outcome, expected) => {
  const claimed = await claimNew();
  const ended = await worker.finish(claimed, outcome);
  expect([...ended.values()]).toEqual([expected.status]);
  expect(await row(claimed[0]?.id)).toMatchObject({ ...expected, attempt: 1 });
});

test('a retry comes back after its delay, from the moment of failure', async () => {
  const claimed = await claimNew();
  await worker.finish(claimed, { kind: 'retry', error: 'e', delayMs: 90_000 });
  const { rows } = await db.pool.query(
    `select run_at - clock_timestamp() between interval '60 seconds' and interval '90 seconds' as is_due_then from steadytext_queue`,
  );
  expect(rows).toEqual([{ is_due_then: true }]);
});

test('retries end in failure once max_retries of them were charged', async () => {
  await db.pool.query(`select steadytext_embed_async('t')`);
  const seen: object[] = [];
  for (let attempt = 1; attempt <= 3; attempt += 1) {
    const request = await worker.claimOne();
    await worker.finish([request], { kind: 'retry', error: `e${attempt}`, delayMs: 0 }, { maxRetries: 2 });
    const { status, retry_count, error } = await row(request.id);
    seen.push({ status, retry_count, error });
    await db.pool.query('select lamplighter.promote_requests(1)');
  }
  expect(seen).toEqual([
    { status: 'pending', retry_count: 1, error: 'e1' },
    { status: 'pending', retry_count: 2, error: 'e2' },
    { status: 'failed', retry_count: 2, error: 'e3' },
  ]);
});

test('with no retries allowed the first failure is final', async () => {
  const claimed = await claimNew();
  const ended = await worker.finish(claimed, { kind: 'retry', error: 'e', delayMs: 0 }, { maxRetries: 0 });
  expect([...ended.values()]).toEqual(['failed']);
  expect(await row(claimed[0]?.id)).toMatchObject({
    failed_at: expect.any(Date),
    run_at: FAR_AWAY,
    retry_count: 0,
  });
});

test('a release keeps the error of the attempt before', async () => {
  const claimed = await claimNew();
  await worker.finish(claimed, { kind: 'retry', error: 'before', delayMs: 0 });
  await db.pool.query('select lamplighter.promote_requests(1)');
  await worker.finish([await worker.claimOne()], { kind: 'release' });
  expect(await row(claimed[0]?.id)).toMatchObject({ status: 'pending', error: 'before', retry_count: 1, run_at: null });
});

test('a success clears the error of the attempt before', async () => {
  const claimed = await claimNew();
  await worker.finish(claimed, { kind: 'retry', error: 'before', delayMs: 0 });
  await db.pool.query('select lamplighter.promote_requests(1)');
  await worker.finish([await worker.claimOne()], COMPLETED);
  expect(await row(claimed[0]?.id)).toMatchObject({ status: 'completed', error: null, retry_count: 1, attempt: 2 });
});

const THEFTS: Readonly<Record<string, string>> = {
  'was cancelled': `update steadytext_queue set status = 'cancelled'`,
  'was deleted': 'delete from steadytext_queue',
  'belongs to another worker': 'update steadytext_queue set worker_id = gen_random_uuid()',
  'was claimed again': 'update steadytext_queue set attempt = attempt + 1',
  'was given back by hand': `update steadytext_queue set status = 'pending'`,
};

test.each(Object.entries(THEFTS))('a request that %s is lost to its worker, which cannot end it', async (_, theft) => {
  const claimed = await claimNew();
  expect(await listLost(db.pool, worker.workerId, claimed)).toEqual([]);
  await db.pool.query(theft);
  const before = await row(claimed[0]?.id);
  expect(await listLost(db.pool, worker.workerId, claimed)).toEqual(claimed.map(({ id }) => id));
  expect(await worker.finish(claimed, COMPLETED)).toEqual(new Map());
  expect(await worker.finish(claimed, { kind: 'retry', error: 'e', delayMs: 0 })).toEqual(new Map());
  expect(await row(claimed[0]?.id)).toEqual(before);
});

test('a request that failed, was retried and claimed anew cannot be ended by the attempt before', async () => {
  const first = await claimNew();
  await worker.finish(first, { kind: 'failed', error: 'e' });
  await db.pool.query('select steadytext_retry(request_id) from steadytext_queue');
  const second = await worker.claim();
  expect(await worker.finish(first, { kind: 'completed', result: 'old' })).toEqual(new Map());
  expect((await worker.finish(second, { kind: 'completed', result: 'new' })).size).toBe(1);
  expect(await row(first[0]?.id)).toMatchObject({ result: 'new', attempt: 2 });
});

test('a finish whose reply was lost can be repeated, and changes nothing any more', async () => {
  const claimed = await claimNew(2);
  await worker.finish(claimed, COMPLETED);
  expect((await worker.finish(claimed, { kind: 'failed', error: 'late' })).size).toBe(0);
  expect(await row(claimed[0]?.id)).toMatchObject({ status: 'completed', error: null });
});

test('a worker whose lease ran out still ends what nobody has taken from it', async () => {
  const claimed = await claimNew();
  await worker.fallSilent();
  expect((await worker.finish(claimed, COMPLETED)).size).toBe(1);
  await worker.renewLease();
});

test('a row that somebody has locked is left out, without waiting, and ended later', async () => {
  const claimed = await claimNew(3);
  await using session = await openSession(db.uri);
  await session.client.query('begin');
  await session.client.query('update steadytext_queue set retry_count = 1 where id = $1', [claimed[1]?.id]);
  const ended = await worker.finish(claimed, COMPLETED);
  expect([...ended.keys()].sort()).toEqual([claimed[0]?.id, claimed[2]?.id].sort());
  expect(await listLost(db.pool, worker.workerId, claimed)).toEqual([claimed[0]?.id, claimed[2]?.id]);
  await session.client.query('commit');
  expect([...(await worker.finish(claimed, COMPLETED)).keys()]).toEqual([claimed[1]?.id]);
  expect(await row(claimed[1]?.id)).toMatchObject({ status: 'completed', retry_count: 1 });
});

test('one batch takes outcomes of all kinds, in whatever order', async () => {
  const claimed = await claimNew(5);
  const outcomes: Outcome[] = [
    { kind: 'release' },
    { kind: 'completed', result: 'r' },
    { kind: 'failed', error: 'e' },
    { kind: 'retry', error: 'e', delayMs: 1_000 },
    { kind: 'defer', error: 'e', delayMs: 1_000 },
  ];
  const finishes = claimed.map(({ id, attempt }, index) => ({ id, attempt, outcome: outcomes[index] ?? COMPLETED }));
  const { statuses } = await finishRequests(db.pool, finishes.reverse(), { workerId: worker.workerId, maxRetries: 3 });
  expect(claimed.map(({ id }) => statuses.get(id))).toEqual(['pending', 'completed', 'failed', 'pending', 'pending']);
});

test('nothing to finish is nothing to do', async () => {
  expect(await worker.finish([], COMPLETED)).toEqual(new Map());
});
