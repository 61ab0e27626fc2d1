import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { pruneWorkers } from '../../src/requests/prune-requests.ts';
import { rescueRequests } from '../../src/requests/rescue-requests.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { openSession, type SqlSession, untilBlocked } from '../support/sql-session.ts';
import { startSqlWorker } from '../support/sql-worker.ts';

/** Workers, requests, quarantine, claims: whoever waits for one of them holds nothing that comes after it. */
let db: TestDatabase;
let first: SqlSession;
let second: SqlSession;
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
beforeEach(() =>
  db.pool.query(
    'delete from steadytext_queue; delete from lamplighter.worker; delete from lamplighter.quarantine; delete from lamplighter.claim',
  ),
);

test('a heartbeat that settles claims waits for the rescue that finds its worker dead, and both end', async () => {
  await db.pool.query(`select steadytext_embed_batch_async(array['a', 'b', 'c'])`);
  const worker = await startSqlWorker(second.client);
  for (let n = 0; n < 3; n += 1) await worker.claimOne();
  await worker.fallSilent();
  await first.client.query('begin');
  // The first step of the rescue: the worker is locked, and its claims are still to come.
  await first.client.query('select from lamplighter.worker for update');
  const renewed = second.client.query(
    `select (lamplighter.renew_lease($1, 'running', 4, 0, 0, 0, array[1, 2, 3])).is_alive`,
    [worker.workerId],
  );
  await untilBlocked(db.pool, second);
  await first.client.query('select from lamplighter.claim for update nowait');
  expect(await rescueRequests(first.client, 3)).toHaveLength(3);
  await first.client.query('commit');
  expect((await renewed).rows).toEqual([{ is_alive: false }]);
  expect((await db.pool.query('select from lamplighter.claim')).rowCount).toBe(0);
});

test('heartbeats, rescues and prunings of the same workers at once never deadlock', async () => {
  for (let round = 0; round < 10; round += 1) {
    await db.pool.query(`select steadytext_embed_batch_async(array(select 't' || n from generate_series(1, 12) as n))`);
    const workers = await Promise.all(Array.from({ length: 4 }, () => startSqlWorker(db.pool)));
    for (const worker of workers) {
      for (let n = 0; n < 3; n += 1) await worker.claim({ limit: 1 });
      await worker.fallSilent();
    }
    // All that follows fails with 40P01 where the order is not kept.
    await Promise.all([
      ...workers.map(({ workerId }) =>
        db.pool.query(`select lamplighter.renew_lease($1, 'stopping', 4, 0, 0, 0, array[3, 2, 1])`, [workerId]),
      ),
      rescueRequests(first.client, 3),
      rescueRequests(second.client, 3),
      pruneWorkers(db.pool, 0),
      pruneWorkers(db.pool, 0),
    ]);
  }
});

test('a rescue waits for nobody who holds a worker, a request, a row of quarantine or a claim', async () => {
  await db.pool.query(`select steadytext_embed_batch_async(array['a', 'b'])`);
  for (let death = 0; death < 2; death += 1) {
    const worker = await startSqlWorker(db.pool);
    await worker.claim();
    await worker.fallSilent();
    if (death === 0) await rescueRequests(db.pool, 3);
  }
  await db.pool.query('update steadytext_queue set status = $1 where id = (select min(id) from steadytext_queue)', [
    'cancelled',
  ]);
  await first.client.query('begin');
  for (const table of ['worker', 'quarantine', 'claim'])
    await first.client.query(`select from lamplighter.${table} for update`);
  await second.client.query(`set lock_timeout = '1s'`);
  expect(await rescueRequests(second.client, 3)).toEqual([]);
  await first.client.query('commit');
  expect(await rescueRequests(second.client, 3)).toMatchObject([{ isQuarantined: true }]);
  expect((await db.pool.query('select from lamplighter.quarantine')).rowCount).toBe(1);
});
