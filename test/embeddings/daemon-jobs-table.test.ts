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

test('a job that moves to another database and back leaves nothing behind', async () => {
  await using other = await createTestDatabase();
  await other.pool.query(
    `create table articles (id integer primary key, body text); insert into articles values (1, 'there')`,
  );
  const id = await addJob(db, { table: 'articles' });
  await using _daemon = await startTestDaemon({ uri: db.uri });
  await expectDone(id);
  await db.pool.query('update jobs set db_connection = $2 where id = $1', [id, other.uri]);
  await eventually(async () => expect(await findVectorFaults(other, 'articles')).toEqual(NO_FAULTS), PATIENCE);
  await expectNothingOf(db);
  await db.pool.query(`update articles set body = 'moved'; update jobs set db_connection = null`);
  await expectNoFaults('articles');
  await expectNothingOf(other);
});

test('a job whose database is away takes no place of those that are filled', async () => {
  await using other = await createTestDatabase();
  await other.pool.query(`create table articles (id integer primary key, body text);
    insert into articles select n, '!sleep:20 there ' || n from generate_series(1, 500) as n`);
  await addJob(db, { table: 'articles', db_connection: other.uri });
  await using daemon = await startTestDaemon({
    uri: db.uri,
    queueSize: 1,
    batchRows: 4,
    provider: { maxBatch: 1, maxConcurrency: 1 },
  });
  await eventually(() => expect(daemon.calls.texts).not.toEqual([]), PATIENCE);
  const name = new URL(other.uri).pathname.slice(1);
  await db.pool.query(`alter database "${name}" allow_connections false`);
  await db.pool.query('select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [name]);
  try {
    await expectDone(await addJob(db, { table: 'letters' }));
  } finally {
    await db.pool.query(`alter database "${name}" allow_connections true`);
  }
});

test('another source, destination or table leaves no trigger of the former one, and the progress ends at 100', async () => {
  await db.pool.query('alter table jobs add init_progress smallint; alter table articles add title text');
  const id = await addJob(db, { table: 'articles' });
  await using _daemon = await startTestDaemon({ uri: db.uri });
  await expectDone(id);
  for (const change of [
    `src_column = 'title'`,
    `dst_column = 'vector', src_column = 'body'`,
    `"table" = 'letters', dst_column = 'embedding'`,
  ]) {
    await db.pool.query(`update jobs set init_progress = 7, ${change}`);
    await eventually(async () => {
      const { rows } = await db.pool.query(
        `select t.tgrelid::regclass::text as on, j."table" = t.tgrelid::regclass::text as is_right, j.init_progress as progress, e.state
         from jobs as j, pg_trigger as t, lamplighter.embedding_job as e where t.tgname like 'lamplighter_capture%'`,
      );
      expect(rows).toMatchObject([{ is_right: true, progress: 100, state: 'live' }]);
    }, PATIENCE);
  }
  await expectNoFaults('letters');
});

test.each([
  ['is deleted', 'delete from jobs where id = $1'],
  ['is cancelled', 'update jobs set canceled_at = now() where id = $1'],
])('what another job of the column, which %s, has made is made anew', async (_, change) => {
  await db.pool.query('alter table jobs add label text');
  const former = await addJob(db, { table: 'articles', embedding_model: 'test/other' });
  await using _daemon = await startTestDaemon({ uri: db.uri });
  await expectDone(former);
  await db.pool.query(change, [former]);
  await addJob(db, { table: 'articles' });
  await expectNoFaults('articles');
});

async function expectNothingOf(database: TestDatabase): Promise<void> {
  await eventually(async () => {
    const { rows } = await database.pool.query(
      `select (select count(*)::int from lamplighter.embedding_job) as jobs,
              (select count(*)::int from pg_trigger where tgname like 'lamplighter_capture%') as triggers`,
    );
    expect(rows).toEqual([{ jobs: 0, triggers: 0 }]);
  }, PATIENCE);
}

async function addAndServe(table: string, body: string): Promise<void> {
  await db.pool.query(`insert into ${table} select max(id) + 1, $1 from ${table}`, [body]);
  await expectNoFaults(table);
}
