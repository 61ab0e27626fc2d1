import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { ClaimedRequest } from '../../src/requests/claimed-request.ts';
import { finishRequests } from '../../src/requests/finish-requests.ts';
import { rescueRequests } from '../../src/requests/rescue-requests.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { openSession, type SqlSession, untilBlocked } from '../support/sql-session.ts';
import { type SqlWorker, startSqlWorker } from '../support/sql-worker.ts';

/** Two sessions at the same request, one of which has not committed yet. */
let db: TestDatabase;
let first: SqlSession;
let second: SqlSession;
let worker: SqlWorker;
beforeAll(async () => {
  db = await createTestDatabase();
  first = await openSession(db.uri);
  second = await openSession(db.uri);
});
afterAll(async () => {
  await first[Symbol.asyncDispose]();
  await second[Symbol.asyncDispose]();
  await db[Symbol.asyncDispose]();
});
beforeEach(async () => {
  await db.pool.query(
    'delete from steadytext_queue; delete from lamplighter.worker; delete from lamplighter.quarantine',
  );
  worker = await startSqlWorker(first.client);
});

async function embed(): Promise<string> {
  return (await db.pool.query(`select steadytext_embed_async('t') as id`)).rows[0].id;
}

const status = async () => (await db.pool.query('select status from steadytext_queue')).rows.map((row) => row.status);

async function cancel(id: string): Promise<boolean> {
  return (await second.client.query('select steadytext_cancel_async($1) as answer', [id])).rows[0].answer;
}

test('a cancel that meets a finish waits for it, and finds the request ended', async () => {
  const id = await embed();
  const request = await worker.claimOne();
  await first.client.query('begin');
  await worker.finish([request], { kind: 'completed', result: 'r' });
  const cancelled = cancel(id);
  await untilBlocked(db.pool, second);
  await first.client.query('commit');
  expect(await cancelled).toBe(false);
  expect(await status()).toEqual(['completed']);
});

test('a cancel that meets a claim waits for it, and takes the request away again', async () => {
  const id = await embed();
  await first.client.query('begin');
  const request = await worker.claimOne();
  const cancelled = cancel(id);
  await untilBlocked(db.pool, second);
  await first.client.query('commit');
  expect(await cancelled).toBe(true);
  expect(await worker.finish([request], { kind: 'completed', result: 'late' })).toEqual(new Map());
  expect(await status()).toEqual(['cancelled']);
});

test('a finish that meets a cancel does not wait, and changes nothing afterwards either', async () => {
  const id = await embed();
  const request = await worker.claimOne();
  await second.client.query('begin');
  expect(await cancel(id)).toBe(true);
  expect(await worker.finish([request], { kind: 'completed', result: 'late' })).toEqual(new Map());
  await second.client.query('commit');
  expect(await worker.finish([request], { kind: 'completed', result: 'late' })).toEqual(new Map());
  expect(await status()).toEqual(['cancelled']);
});

test('of two retries at once one is true', async () => {
  const id = await embed();
  await worker.finish([await worker.claimOne()], { kind: 'failed', error: 'e' });
  const retry = async ({ client }: SqlSession) =>
    (await client.query('select steadytext_retry($1) as answer', [id])).rows[0].answer;
  await first.client.query('begin');
  expect(await retry(first)).toBe(true);
  const other = retry(second);
  await untilBlocked(db.pool, second);
  await first.client.query('commit');
  expect(await other).toBe(false);
});

test('a rescue that meets a finish leaves the request to it', async () => {
  await embed();
  const request = await worker.claimOne();
  await worker.fallSilent();
  await first.client.query('begin');
  await worker.finish([request], { kind: 'completed', result: 'r' });
  expect(await rescueRequests(second.client, 3)).toEqual([]);
  await first.client.query('commit');
  expect(await rescueRequests(second.client, 3)).toEqual([]);
  expect(await status()).toEqual(['completed']);
});

test('a finish that meets a rescue leaves the request to it', async () => {
  await embed();
  const request = await worker.claimOne();
  await worker.fallSilent();
  await second.client.query('begin');
  expect(await rescueRequests(second.client, 3)).toHaveLength(1);
  expect(await worker.finish([request], { kind: 'completed', result: 'late' })).toEqual(new Map());
  await second.client.query('commit');
  expect(await worker.finish([request], { kind: 'completed', result: 'late' })).toEqual(new Map());
  expect(await status()).toEqual(['pending']);
});

test('two workers that cache the same answers at once wait for each other in one order', async () => {
  await db.pool.query(`select steadytext_embed_batch_async(array['a', 'b', 'a', 'b'])`);
  const [a1, b1, a2, b2] = (await worker.claim()) as [ClaimedRequest, ClaimedRequest, ClaimedRequest, ClaimedRequest];
  const keys = { a: Buffer.from('a'), b: Buffer.from('b') };
  const finish = ({ client }: SqlSession, ended: readonly (readonly [ClaimedRequest, Buffer])[]) =>
    finishRequests(
      client,
      ended.map(([{ id, attempt }, cacheKey]) => ({
        id,
        attempt,
        outcome: { kind: 'completed', result: 'r', cacheKey },
      })),
      { workerId: worker.workerId, maxRetries: 3 },
    );
  await first.client.query('begin');
  await finish(first, [
    [a1, keys.a],
    [b1, keys.b],
  ]);
  const other = finish(second, [
    [a2, keys.b],
    [b2, keys.a],
  ]);
  await untilBlocked(db.pool, second);
  await first.client.query('commit');
  expect((await other).statuses.size).toBe(2);
});

test('a user who updates many requests in any order is never the victim of a deadlock with a finish', async () => {
  await db.pool.query(`select steadytext_embed_batch_async(array['a', 'b', 'c'])`);
  const claimed = await worker.claim();
  const byId = [...claimed].sort((x, y) => Number(y.id) - Number(x.id));
  await second.client.query('begin');
  for (const { id } of byId) {
    await second.client.query('update steadytext_queue set retry_count = 0 where id = $1', [id]);
    await worker.finish(claimed, { kind: 'release' });
  }
  await second.client.query('commit');
  expect(await status()).toHaveLength(3);
});
