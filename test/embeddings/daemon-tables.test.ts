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
