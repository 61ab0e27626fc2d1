import { afterEach, beforeEach, expect, test } from 'vitest';
import { findVectorFaults, NO_FAULTS } from '../support/check-vectors.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { openSession } from '../support/sql-session.ts';
import { addJob, DOCUMENTED_TABLE, startTestDaemon } from '../support/test-daemon.ts';

const PATIENCE = { timeoutMs: 10_000 };

let db: TestDatabase;
beforeEach(async () => {
  db = await createTestDatabase();
  await db.pool.query(`${DOCUMENTED_TABLE};
    create table articles (id integer primary key, body text);
    insert into articles select n, 'text ' || n from generate_series(1, 5) as n;
    create table letters (id integer primary key, body text);
    insert into letters select n, 'letter ' || n from generate_series(1, 5) as n`);
});
afterEach(async () => {
  await db[Symbol.asyncDispose]();
});

async function jobOf(id: string): Promise<Record<string, unknown> | undefined> {
  const { rows } = await db.pool.query(
    'select init_finished_at is not null as finished, init_failure_reason as reason from jobs where id = $1',
    [id],
  );
  return rows[0];
}

const DONE = { finished: true, reason: null };
const expectDone = (id: string) => eventually(async () => expect(await jobOf(id)).toEqual(DONE), PATIENCE);
const expectNoFaults = (table: string) =>
  eventually(async () => expect(await findVectorFaults(db, table)).toEqual(NO_FAULTS), PATIENCE);

test('a row with the connection string of the database that holds it may name a column that has vectors already', async () => {
  await db.pool.query(
    `alter table articles add column embedding real[]; update articles set embedding = '{1,2,3,4,5,6,7,8}'`,
  );
  const id = await addJob(db, { table: 'articles', db_connection: db.uri });
  await using daemon = await startTestDaemon({ uri: db.uri });
  await expectDone(id);
  expect(daemon.calls.calls).toBe(0);
});

test('rows that name one database in several ways are served beside each other', async () => {
  const [first, second] = [
    await addJob(db, { table: 'articles', db_connection: db.uri }),
    await addJob(db, { table: 'letters', db_connection: `${db.uri}?application_name=other` }),
  ];
  const registered = async () =>
    (await db.pool.query('select id, job_id, generation from lamplighter.embedding_job order by job_id')).rows;
  {
    await using _daemon = await startTestDaemon({ uri: db.uri });
    await expectDone(first);
    await expectDone(second);
  }
  const before = await registered();
  await using daemon = await startTestDaemon({ uri: db.uri });
  // A daemon that starts looks for jobs whose rows are gone.
  await db.pool.query(`update articles set body = 'new'; update letters set body = 'new'`);
  await expectNoFaults('articles');
  await expectNoFaults('letters');
  await eventually(() => expect(daemon.daemon.jobs).toHaveLength(2), PATIENCE);
  await addAndServe('articles', 'added');
  expect(await registered()).toEqual(before);
});

test('a job whose connection string begins to name its database in another way goes on as it was', async () => {
  const id = await addJob(db, { table: 'articles' });
  await using daemon = await startTestDaemon({ uri: db.uri });
  await expectDone(id);
  const { calls } = daemon.calls;
  await db.pool.query('update jobs set db_connection = $2 where id = $1', [id, db.uri]);
  await addAndServe('articles', 'added');
  expect(await jobOf(id)).toEqual(DONE);
  expect(daemon.calls.calls).toBe(calls + 1);
});

test('a row that cannot be written holds up no other, and a long reason is cut where its column is short', async () => {
  await db.pool.query('alter table jobs alter init_failure_reason type varchar(40), add updated_at timestamp');
  const [held, wrong, good] = [
    await addJob(db, { table: 'articles' }),
    await addJob(db, { table: 'no_such_table_by_a_name_that_is_rather_long' }),
    await addJob(db, { table: 'letters' }),
  ];
  await using session = await openSession(db.uri);
  await session.client.query(`begin; select from jobs where id = ${held} for update`);
  await using _daemon = await startTestDaemon({ uri: db.uri });
  await expectDone(good);
  await eventually(
    async () =>
      expect(await jobOf(wrong)).toEqual({ finished: false, reason: 'The table "public"."no_such_table_by_a_n' }),
    PATIENCE,
  );
  await expectNoFaults('articles');
  expect(await jobOf(held)).toEqual({ finished: false, reason: null });
  await session.client.query('commit');
  await expectDone(held);
  const { rows } = await db.pool.query('select bool_and(updated_at is not null) as are_all from jobs');
  expect(rows).toEqual([{ are_all: true }]);
});

test('a job is cancelled although its row cannot be read any more', async () => {
  const id = await addJob(db, { table: 'articles' });
  await using _daemon = await startTestDaemon({ uri: db.uri });
  await expectDone(id);
  await db.pool.query('update jobs set embedding_model = null, canceled_at = now()');
  await eventually(async () => {
    const { rows } = await db.pool.query('select state from lamplighter.embedding_job');
    expect(rows).toEqual([{ state: 'canceled' }]);
  }, PATIENCE);
});

test('a row that takes the place of another one is served as soon as that is gone', async () => {
  const id = await addJob(db, { table: 'articles' });
  await using _daemon = await startTestDaemon({ uri: db.uri });
  await expectDone(id);
  await using session = await openSession(db.uri);
  await session.client.query('begin; select from lamplighter.embedding_job for share');
  const { rows } = await db.pool.query<{ id: string }>(
    `with gone as (delete from jobs returning "table", src_column, dst_column, embedding_model)
     insert into jobs ("table", src_column, dst_column, embedding_model) select * from gone returning id::text`,
  );
  const next = rows[0]?.id ?? '';
  await eventually(
    async () => expect((await jobOf(next))?.['reason']).toContain(`is filled by job ${id} already`),
    PATIENCE,
  );
  await session.client.query('commit');
  await expectDone(next);
});

async function addAndServe(table: string, body: string): Promise<void> {
  await db.pool.query(`insert into ${table} select max(id) + 1, $1 from ${table}`, [body]);
  await expectNoFaults(table);
}
