import { createHash } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { lookupCachedResults } from '../../src/requests/cached-results.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { type SqlWorker, startSqlWorker } from '../support/sql-worker.ts';

let db: TestDatabase;
let worker: SqlWorker;
beforeAll(async () => {
  db = await createTestDatabase();
  worker = await startSqlWorker(db.pool);
});
afterAll(() => db[Symbol.asyncDispose]());
beforeEach(() => db.pool.query('delete from steadytext_queue; delete from lamplighter.cached_result'));

const key = (text: string) => createHash('sha256').update(text).digest();

async function cached(...texts: string[]): Promise<(string | undefined)[]> {
  const found = await lookupCachedResults(db.pool, texts.map(key));
  return texts.map((text) => found.get(key(text).toString('hex')));
}

async function embed(): Promise<void> {
  await db.pool.query(`select steadytext_embed_async('t')`);
}

test('an answer is found under its key as long as its request is there', async () => {
  await embed();
  await worker.finish([await worker.claimOne()], { kind: 'completed', result: 'r', cacheKey: key('a') });
  expect(await cached('a', 'b')).toEqual(['r', undefined]);
  await db.pool.query('delete from steadytext_queue');
  expect(await cached('a')).toEqual([undefined]);
});

test('the latest answer is the one that is found', async () => {
  for (const result of ['old', 'new']) {
    await embed();
    await worker.finish([await worker.claimOne()], { kind: 'completed', result, cacheKey: key('a') });
  }
  expect(await cached('a')).toEqual(['new']);
});

test('equal requests of one batch share a key without conflict', async () => {
  await db.pool.query(`select steadytext_embed_batch_async(array['a', 'a', 'a'])`);
  await worker.finish(await worker.claim(), { kind: 'completed', result: 'r', cacheKey: key('a') });
  expect(await cached('a')).toEqual(['r']);
});

test('a cancelled, failed or lost request gives no answer', async () => {
  await embed();
  const lost = await worker.claimOne();
  await db.pool.query(`update steadytext_queue set status = 'cancelled'`);
  await worker.finish([lost], { kind: 'completed', result: 'r', cacheKey: key('a') });
  expect(await cached('a')).toEqual([undefined]);
});

test('an answer that could not be recorded does not take the place of one that was', async () => {
  await embed();
  await worker.finish([await worker.claimOne()], { kind: 'completed', result: 'r', cacheKey: key('a') });
  await embed();
  const lost = await worker.claimOne();
  await db.pool.query(`update steadytext_queue set status = 'cancelled' where id = $1`, [lost.id]);
  await worker.finish([lost], { kind: 'completed', result: 'late', cacheKey: key('a') });
  expect(await cached('a')).toEqual(['r']);
});

test('a request that was changed and run again gives no answer under the key of before', async () => {
  await embed();
  await worker.finish([await worker.claimOne()], { kind: 'completed', result: 'first', cacheKey: key('first') });
  await db.pool.query(`update steadytext_queue set parameters = '{"text_input": "other"}', status = 'pending'`);
  await worker.finish([await worker.claimOne()], { kind: 'completed', result: 'second', cacheKey: key('second') });
  expect(await cached('first', 'second')).toEqual([undefined, 'second']);
});

test('a request under the id of one that is gone does not take over its key', async () => {
  await embed();
  const gone = await worker.claimOne();
  await worker.finish([gone], { kind: 'completed', result: 'r', cacheKey: key('a') });
  await db.pool.query('delete from steadytext_queue');
  await db.pool.query(`insert into steadytext_queue (id, function_name) values ($1, 'embed')`, [gone.id]);
  const again = await worker.claimOne();
  expect([again.id, again.attempt]).toEqual([gone.id, gone.attempt]);
  await worker.finish([again], { kind: 'completed', result: 'forged' });
  expect(await cached('a')).toEqual([undefined]);
});

test('after TRUNCATE ... RESTART IDENTITY a new request does not inherit the key of an old one', async () => {
  await embed();
  await worker.finish([await worker.claimOne()], { kind: 'completed', result: 'r', cacheKey: key('a') });
  await db.pool.query('truncate steadytext_queue restart identity');
  await embed();
  await worker.answer('another');
  expect(await cached('a')).toEqual([undefined]);
});

test('keys without an answer are forgotten, in steps', async () => {
  await db.pool.query(`select steadytext_embed_batch_async(array['a', 'b', 'c'])`);
  for (const [index, request] of (await worker.claim()).entries()) {
    await worker.finish([request], { kind: 'completed', result: 'r', cacheKey: key(`${index}`) });
  }
  await db.pool.query('delete from steadytext_queue where id = (select min(id) from steadytext_queue)');
  await db.pool.query(
    'update steadytext_queue set attempt = 9, completed_at = now() where id = (select max(id) from steadytext_queue)',
  );
  const step = async (after: Buffer): Promise<Buffer | null> =>
    (await db.pool.query('select lamplighter.prune_cached_results($1, 1) as last', [after])).rows[0].last;
  let steps = 1;
  for (let last = await step(Buffer.alloc(0)); last !== null; last = await step(last)) steps += 1;
  expect(steps).toBe(4);
  const { rows } = await db.pool.query('select count(*)::int as left from lamplighter.cached_result');
  expect(rows).toEqual([{ left: 1 }]);
});
