import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { findVectorFaults, NO_FAULTS } from '../support/check-vectors.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { addJob, DOCUMENTED_TABLE, startTestDaemon } from '../support/test-daemon.ts';

const PATIENCE = { timeoutMs: 10_000 };

let db: TestDatabase;
beforeEach(async () => {
  db = await createTestDatabase();
  await db.pool.query(DOCUMENTED_TABLE);
});
afterEach(async () => {
  await db[Symbol.asyncDispose]();
});

const expectNoFaults = (table: string) =>
  eventually(async () => expect(await findVectorFaults(db, table)).toEqual(NO_FAULTS), PATIENCE);

async function jobOf(id: string): Promise<Record<string, unknown> | undefined> {
  const { rows } = await db.pool.query(
    'select init_finished_at is not null as finished, init_failure_reason as reason from jobs where id = $1',
    [id],
  );
  return rows[0];
}

async function counters(): Promise<Record<string, unknown> | undefined> {
  const { rows } = await db.pool.query(
    'select state, rows::int, embedded::int, stale::int, queued::int, failed::int from lamplighter.embedding_status',
  );
  return rows[0];
}

describe('a table that changes while it is served', () => {
  test('rows of a partition that is made later get their vectors', async () => {
    await db.pool.query(`create table articles (id integer primary key, body text) partition by range (id);
      create table articles_low partition of articles for values from (0) to (100);
      insert into articles select n, 'text ' || n from generate_series(1, 20) as n`);
    const id = await addJob(db, { table: 'articles' });
    await using _daemon = await startTestDaemon({ uri: db.uri });
    await eventually(async () => expect(await jobOf(id)).toEqual({ finished: true, reason: null }), PATIENCE);
    await db.pool.query(`create table articles_high partition of articles for values from (100) to (200);
      insert into articles select n, 'text ' || n from generate_series(90, 110) as n`);
    await expectNoFaults('articles');
  });
});

test('a column that is renamed is told in the job row at once, and the job goes on when that names it', async () => {
  await db.pool.query(`create table articles (id integer primary key, text text);
    insert into articles select n, 'text ' || n from generate_series(1, 20) as n`);
  const id = await addJob(db, { table: 'articles', src_column: 'text' });
  await using _daemon = await startTestDaemon({ uri: db.uri });
  await eventually(async () => expect(await jobOf(id)).toEqual({ finished: true, reason: null }), PATIENCE);
  await db.pool.query('alter table articles rename column text to body');
  await db.pool.query(`insert into articles values (100, 'renamed')`);
  await eventually(
    async () => expect((await jobOf(id))?.['reason']).toContain('"public"."articles" has no column "text"'),
    PATIENCE,
  );
  await db.pool.query(`update jobs set src_column = 'body' where id = $1`, [id]);
  await expectNoFaults('articles');
  await eventually(async () => expect(await jobOf(id)).toEqual({ finished: true, reason: null }), PATIENCE);
  await eventually(async () => expect(await counters()).toMatchObject({ state: 'live' }), PATIENCE);
});

test('a table that is dropped and made again is served within seconds of its next change', async () => {
  const create = `create table articles (id integer primary key, body text, embedding real[]);
    insert into articles (id, body) select n, 'text ' || n from generate_series(1, 20) as n`;
  await db.pool.query(create);
  const id = await addJob(db, { table: 'articles' });
  await using _daemon = await startTestDaemon({ uri: db.uri });
  await eventually(async () => expect(await jobOf(id)).toEqual({ finished: true, reason: null }), PATIENCE);
  await db.pool.query(`drop table articles; ${create}`);
  await eventually(async () => expect(await findVectorFaults(db, 'articles')).toEqual(NO_FAULTS), {
    timeoutMs: 20_000,
  });
}, 40_000);

test('a jobs table on which strangers may create triggers is refused, unless they are trusted', async () => {
  const { name } = await db.createRole('maker');
  await db.pool.query(`grant all on jobs to ${name}`);
  await expect(startTestDaemon({ uri: db.uri })).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringContaining(`may create triggers on the jobs table public.jobs`),
    hint: expect.stringContaining(`revoke trigger on public.jobs from ${name}`),
  });
  await using _daemon = await startTestDaemon({ uri: db.uri, trustedOwners: [name] });
  await db.pool.query(`revoke trigger on jobs from ${name}`);
  await using _other = await startTestDaemon({ uri: db.uri });
});

describe('the status of a job', () => {
  const steady = async (rows: number) =>
    eventually(
      async () =>
        expect(await counters()).toEqual({ state: 'live', rows, embedded: rows, stale: 0, queued: 0, failed: 0 }),
      { timeoutMs: 25_000 },
    );

  test('counts each row once, after the backfill, inserts, updates, deletes and a resync', async () => {
    await db.pool.query(`create table articles (id serial primary key, body text);
      insert into articles (body) select 'text ' || n from generate_series(1, 2000) as n`);
    await addJob(db, { table: 'articles' });
    await using _daemon = await startTestDaemon({ uri: db.uri });
    await steady(2000);
    await db.pool.query(`update articles set body = body || ' changed' where id <= 500;
      delete from articles where id > 1900;
      insert into articles (body) select 'new ' || n from generate_series(1, 50) as n`);
    await steady(1950);
    await db.pool.query(`select lamplighter.reconcile_embeddings(job) from lamplighter.embedding_status`);
    await steady(1950);
    await expectNoFaults('articles');
  }, 60_000);

  test('says that a job is finished only when rows that somebody held locked have their vectors', async () => {
    await db.pool.query(`create table articles (id serial primary key, body text, embedding real[]);
      insert into articles (body) select 'text ' || n from generate_series(1, 50) as n`);
    const holder = await db.pool.connect();
    await holder.query('begin; select 1 from articles where id = 7 for update');
    const id = await addJob(db, { table: 'articles' });
    await using _daemon = await startTestDaemon({ uri: db.uri });
    try {
      await eventually(async () => {
        const { rows } = await db.pool.query('select pass_number from lamplighter.embedding_status');
        expect(rows[0]).toMatchObject({ pass_number: 3 });
      }, PATIENCE);
      expect(await jobOf(id)).toEqual({ finished: false, reason: null });
    } finally {
      await holder.query('rollback');
      holder.release();
    }
    await eventually(async () => expect(await jobOf(id)).toEqual({ finished: true, reason: null }), PATIENCE);
    expect(await findVectorFaults(db, 'articles')).toEqual(NO_FAULTS);
  });
});
