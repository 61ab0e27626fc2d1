import { afterAll, beforeAll, expect, test } from 'vitest';
import { withClient } from '../support/admin.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { startTestWorker, type TestWorker } from '../support/test-worker.ts';
import { untilEnded } from './worker-stage.ts';

let db: TestDatabase;
let tested: TestWorker;
beforeAll(async () => {
  db = await createTestDatabase();
  await db.pool.query('create table sift_base1k (id int, v real[]); create table small_world (id int, v real[])');
  tested = await startTestWorker({ uri: db.uri });
});
afterAll(async () => {
  await tested[Symbol.asyncDispose]();
  await db[Symbol.asyncDispose]();
});

/** Runs a statement as it stands, and gives the end of the task that it has queued last. */
async function endOf(statement: string) {
  await withClient(db.uri, (client) => client.query(statement));
  const { rows } = await db.pool.query<{ jobid: string }>('select max(jobid) as jobid from lantern.tasks');
  return untilEnded(db.pool, rows[0]?.jobid ?? '');
}

test.each([
  [
    `SELECT lantern.async_task($$CREATE INDEX ON small_world USING lantern_hnsw (v)$$)`,
    'ERROR:  access method "lantern_hnsw" does not exist\n',
  ],
  [
    `SELECT lantern.async_task('CREATE INDEX idx ON sift_base1k USING hnsw(v)', 'Indexing Job');`,
    'ERROR:  access method "hnsw" does not exist\n',
  ],
  [
    `SELECT lantern.async_task('SELECT pg_sleep(haha);', 'life');`,
    'ERROR:  column "haha" does not exist\nLINE 1: SELECT pg_sleep(haha);\n                        ^\n',
  ],
])('%s ends failed with the words of PostgreSQL', async (statement, message) => {
  expect(await endOf(statement)).toMatchObject({ status: 'failed', error_message: message });
});

test.each([
  `SELECT lantern.async_task('SELECT pg_sleep(0.1);', 'sleep well');`,
  `SELECT lantern.async_task($$CREATE INDEX CONCURRENTLY ON sift_base1k (id)$$)`,
  `SELECT lantern.async_task('SET maintenance_work_mem = ''64MB''; CREATE INDEX CONCURRENTLY ON sift_base1k (id, v)')`,
  `SELECT lantern.async_task('VACUUM sift_base1k', 'tidy')`,
  `SELECT lantern.async_task($$SELECT lantern.async_task('SELECT 1', 'second')$$, 'first')`,
])('%s succeeds', async (statement) => {
  expect(await endOf(statement)).toMatchObject({ status: 'succeeded', error_message: null });
});

test('SELECT lantern.cancel_async_task(id) stops the task', async () => {
  await withClient(db.uri, (client) => client.query(`SELECT lantern.async_task('SELECT pg_sleep(60);', 'long')`));
  expect(await endOf('SELECT lantern.cancel_async_task((SELECT max(jobid) FROM lantern.tasks))')).toMatchObject({
    status: 'canceled',
  });
});
