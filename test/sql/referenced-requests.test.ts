import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { claimRequestsAtOnce } from '../../src/requests/claim-requests.ts';
import { rescueRequests } from '../../src/requests/rescue-requests.ts';
import { promoteRequests } from '../../src/requests/upkeep.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { openSession, type SqlSession } from '../support/sql-session.ts';
import { type SqlWorker, startSqlWorker } from '../support/sql-worker.ts';

/** Requests that a row of the user's refers to, in a transaction that stays open: it holds the key of the request, nothing else. */
let db: TestDatabase;
let user: SqlSession;
let worker: SqlWorker;
beforeAll(async () => {
  db = await createTestDatabase();
  user = await openSession(db.uri);
  await db.pool.query(`
    create table by_id (id bigint primary key references steadytext_queue (id));
    create table by_request_id (request_id uuid primary key references steadytext_queue (request_id))`);
});
afterAll(async () => {
  await user[Symbol.asyncDispose]();
  await db[Symbol.asyncDispose]();
});
beforeEach(async () => {
  await user.client.query('rollback');
  await db.pool.query(
    'delete from steadytext_queue; delete from lamplighter.worker; delete from lamplighter.quarantine',
  );
  worker = await startSqlWorker(db.pool);
});

async function embed(): Promise<string> {
  return (await db.pool.query(`select steadytext_embed_async('t') as id`)).rows[0].id;
}

async function referTo(requestId: string): Promise<void> {
  await user.client.query('begin');
  await user.client.query('insert into by_request_id values ($1)', [requestId]);
  await user.client.query('insert into by_id select id from steadytext_queue where request_id = $1', [requestId]);
}

const statusOf = async (id: string) =>
  (await db.pool.query('select status from steadytext_queue where request_id = $1', [id])).rows[0].status;

test('a request is claimed and ended while a row that refers to it is being inserted', async () => {
  const id = await embed();
  await referTo(id);
  const request = await worker.claimOne();
  await worker.finish([request], { kind: 'completed', result: 'r' });
  expect(await statusOf(id)).toBe('completed');
});

test('so it is where looking and claiming are one step', async () => {
  const id = await embed();
  await referTo(id);
  const lanes = [{ functionName: 'embed', model: 'default', most: 10 } as const];
  const claimed = await claimRequestsAtOnce(db.pool, { workerId: worker.workerId, claimNumber: 1, lanes });
  expect(claimed?.map(({ requestId }) => requestId)).toEqual([id]);
});

test('it is promoted when its delay is over', async () => {
  const id = await embed();
  await worker.finish([await worker.claimOne()], { kind: 'retry', error: 'e', delayMs: 0 });
  await referTo(id);
  expect(await promoteRequests(db.pool, 10)).toBe(1);
});

test('it is rescued from a dead worker, and run again', async () => {
  const id = await embed();
  await worker.claimOne();
  await worker.fallSilent();
  await referTo(id);
  expect((await rescueRequests(db.pool, 3)).map(({ requestId }) => requestId)).toEqual([id]);
  const other = await startSqlWorker(db.pool);
  expect((await other.claimOne()).requestId).toBe(id);
  await other.fallSilent();
  await rescueRequests(db.pool, 3);
  const last = await startSqlWorker(db.pool);
  expect((await last.claimQuarantined(9)).map(({ requestId }) => requestId)).toEqual([id]);
});

test('it is cancelled at once', async () => {
  const id = await embed();
  await referTo(id);
  await db.pool.query(`begin; set local lock_timeout = '1ms'; select steadytext_cancel_async('${id}'); commit`);
  expect(await statusOf(id)).toBe('cancelled');
});
