import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { addJob, DOCUMENTED_TABLE, startTestDaemon, type TestDaemon } from '../support/test-daemon.ts';

let db: TestDatabase;
let running: TestDaemon;

beforeAll(async () => {
  db = await createTestDatabase();
  await db.pool.query(DOCUMENTED_TABLE);
  running = await startTestDaemon({ uri: db.uri });
});
afterAll(async () => {
  await running[Symbol.asyncDispose]();
  await db[Symbol.asyncDispose]();
});

test('a row of the jobs table is heeded: the column is added, every row gets a vector, and the row says so', async () => {
  await db.pool.query(`create table articles (id integer primary key, body text);
    insert into articles select n, 'text ' || n from generate_series(1, 100) as n`);
  const id = await addJob(db, { table: 'articles' });
  await eventually(async () => {
    const { rows } = await db.pool.query(
      'select init_started_at is not null as started, init_finished_at is not null as finished, init_failure_reason from jobs where id = $1',
      [id],
    );
    expect(rows).toEqual([{ started: true, finished: true, init_failure_reason: null }]);
  });
  const { rows } = await db.pool.query(
    'select count(*)::int as rows, count(embedding)::int as vectors, min(cardinality(embedding)) as length from articles',
  );
  expect(rows).toEqual([{ rows: 100, vectors: 100, length: 8 }]);
});
