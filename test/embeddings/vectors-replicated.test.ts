import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type OwnServer, startOwnServer } from '../hosts/own-server.ts';
import { uriOf, withClient } from '../support/admin.ts';
import { findChunkFaults } from '../support/check-chunks.ts';
import { findVectorFaults, NO_FAULTS } from '../support/check-vectors.ts';
import { eventually } from '../support/eventually.ts';
import { migrateAs } from '../support/owned-database.ts';
import { DOCUMENTED_TABLE, startTestDaemon } from '../support/test-daemon.ts';

interface Site extends AsyncDisposable {
  readonly uri: string;
  readonly pool: pg.Pool;
}

let server: OwnServer;
beforeAll(async () => {
  server = await startOwnServer({ settings: { wal_level: 'logical' } });
}, 60_000);
afterAll(() => server?.stop());

async function openSite(database: string): Promise<Site> {
  await withClient(server.uri, (admin) => admin.query(`create database ${database}`));
  const uri = uriOf(server.uri, { database });
  await migrateAs(uri);
  const pool = new pg.Pool({ connectionString: uri, max: 4 });
  await pool.query(DOCUMENTED_TABLE);
  return { uri, pool, [Symbol.asyncDispose]: () => pool.end() };
}

const untilRight = ({ pool }: Site, rows: number) =>
  eventually(
    async () => {
      expect((await pool.query('select from articles')).rowCount).toBe(rows);
      expect(await findVectorFaults({ pool }, 'articles')).toEqual(NO_FAULTS);
    },
    { timeoutMs: 30_000 },
  );

const addJob = ({ pool }: Site) =>
  pool.query(
    `insert into jobs ("table", src_column, dst_column, embedding_model) values ('articles', 'body', 'embedding', 'test/model')`,
  );

/** A text, another column, a key, and rows that come and go; three fewer than before. */
const change = ({ pool }: Site, round: number) =>
  pool.query(`update articles set body = 'new ' || id || ' ${round}' where id <= 10; update articles set n = ${round};
    delete from articles where id > 40 - 5 * ${round} and id <= 45 - 5 * ${round};
    update articles set id = id + 100 * ${round} where id between 11 and 13;
    insert into articles (id, body) values (50 + 10 * ${round}, 'inserted'), (51 + 10 * ${round}, null)`);

const ROWS = `insert into articles (id, body) select n, 'text ' || n from generate_series(1, 40) as n`;

test('rows that logical replication brings have their vectors, those of the initial copy and those that change later', async () => {
  await using origin = await openSite('origin');
  await using copy = await openSite('copy');
  await origin.pool.query(`create table articles (id int primary key, body text, n int); ${ROWS}`);
  await copy.pool.query('create table articles (id int primary key, body text, n int, embedding real[])');
  await using _ = await startTestDaemon({ uri: copy.uri });
  await addJob(copy);
  await eventually(async () => {
    const { rows } = await copy.pool.query('select state from lamplighter.embedding_status');
    expect(rows).toEqual([{ state: 'live' }]);
  });
  await origin.pool.query(`create publication of_articles for table articles`);
  await origin.pool.query(`select pg_create_logical_replication_slot('of_articles', 'pgoutput')`);
  await copy.pool.query(
    `create subscription of_articles connection ${pg.escapeLiteral(origin.uri)} publication of_articles with (create_slot = false)`,
  );
  try {
    await untilRight(copy, 40);
    // Subscribed only now: as long as the daemon has not looked at the table again, no trigger sees what replication writes.
    await change(origin, 1);
    await eventually(async () =>
      expect((await copy.pool.query(`select from articles where body = 'new 2 1'`)).rowCount).toBe(1),
    );
    await using __ = await startTestDaemon({ uri: copy.uri });
    await untilRight(copy, 37);
    await change(origin, 2);
    await untilRight(copy, 34);
    const { rows } = await copy.pool.query(
      `select tgenabled from pg_trigger where tgrelid = 'articles'::regclass and not tgisinternal`,
    );
    expect(rows).toEqual([{ tgenabled: 'A' }]);
  } finally {
    await copy.pool.query('drop subscription of_articles');
  }
}, 120_000);

test('a database whose tables are all published is served: no statement of ours needs an identity that it has not', async () => {
  await using site = await openSite('published');
  await site.pool.query(`create table articles (id int primary key, body text, embedding real[]); ${ROWS};
    create table notes (id int primary key, body text)`);
  await site.pool.query('create publication everything for all tables');
  await using daemon = await startTestDaemon({ uri: site.uri });
  await addJob(site);
  await untilRight(site, 40);
  await site.pool.query(`update articles set body = '!invalid' where id = 1; update articles set body = 'new ' || id where id > 30;
    delete from articles where id = 7`);
  await eventually(
    async () => {
      const { rows } = await site.pool.query('select key, is_final from lamplighter.embedding_failures');
      expect(rows).toEqual([{ key: '{1}', is_final: true }]);
    },
    { timeoutMs: 30_000 },
  );
  await site.pool.query(`update articles set body = 'mended' where id = 1`);
  await untilRight(site, 39);
  await site.pool.query('update jobs set canceled_at = now()');
  await eventually(async () => {
    const { rows } = await site.pool.query('select state from lamplighter.embedding_status');
    expect(rows).toEqual([{ state: 'canceled' }]);
  });
  await site.pool.query(`update articles set body = 'meanwhile' where id = 2; update jobs set canceled_at = null`);
  await untilRight(site, 39);
  await site.pool.query('delete from jobs');
  await eventually(async () =>
    expect((await site.pool.query('select from lamplighter.embedding_job')).rowCount).toBe(0),
  );
  expect(daemon.warnings().map(({ msg }) => msg)).toEqual([
    'a row cannot be embedded: see lamplighter.embedding_failures',
  ]);
}, 120_000);

test('chunks of rows that logical replication deletes or gives another key go with the next full pass, and the new ones come', async () => {
  await using origin = await openSite('origin_texts');
  await using copy = await openSite('copy_texts');
  for (const { pool } of [origin, copy]) await pool.query('create table articles (id int primary key, body text)');
  await origin.pool.query(ROWS);
  await copy.pool.query('alter table jobs add dst_table text, add chunk_size int');
  await using _ = await startTestDaemon({ uri: copy.uri });
  await copy.pool.query(
    `insert into jobs ("table", src_column, dst_table, dst_column, chunk_size, embedding_model)
     values ('articles', 'body', 'chunks', 'embedding', 32, 'test/model')`,
  );
  await origin.pool.query(`create publication of_texts for table articles`);
  await origin.pool.query(`select pg_create_logical_replication_slot('of_texts', 'pgoutput')`);
  await copy.pool.query(
    `create subscription of_texts connection ${pg.escapeLiteral(origin.uri)} publication of_texts with (create_slot = false)`,
  );
  const untilChunked = (rows: number) =>
    eventually(
      async () => {
        expect((await copy.pool.query('select from articles')).rowCount).toBe(rows);
        expect(await findChunkFaults(copy, { table: 'articles', chunks: 'chunks', size: 32 })).toEqual([]);
      },
      { timeoutMs: 30_000 },
    );
  try {
    await untilChunked(40);
    await origin.pool.query(`delete from articles where id <= 5; update articles set id = id + 100 where id between 6 and 8;
      update articles set body = 'changed ' || id where id > 30`);
    await eventually(async () => expect((await copy.pool.query('select from articles')).rowCount).toBe(35));
    await copy.pool.query('select lamplighter.reconcile_embeddings(j.id) from lamplighter.embedding_job as j');
    await untilChunked(35);
  } finally {
    await copy.pool.query('drop subscription of_texts');
  }
}, 120_000);

test('a subscriber of the user’s table gets the vectors, and never a column that it has not', async () => {
  await using origin = await openSite('published_origin');
  await using copy = await openSite('published_copy');
  for (const { pool } of [origin, copy]) {
    await pool.query(`create table articles (id int primary key, body text);
      create table notes (id int primary key, body text, n int, embedding real[])`);
  }
  await origin.pool.query(`${ROWS}; insert into notes (id, body) select id, body from articles`);
  await origin.pool.query('create publication of_both for table articles, notes');
  await origin.pool.query(`select pg_create_logical_replication_slot('of_both', 'pgoutput')`);
  await copy.pool.query(
    `create subscription of_both connection ${pg.escapeLiteral(origin.uri)} publication of_both with (create_slot = false)`,
  );
  try {
    await using _ = await startTestDaemon({ uri: origin.uri });
    await origin.pool.query(
      `insert into jobs ("table", src_column, dst_column, embedding_model)
       values ('articles', 'body', 'embedding', 'test/model'), ('notes', 'body', 'embedding', 'test/model')`,
    );
    await eventually(async () => {
      const { rows } = await origin.pool.query(
        `select init_failure_reason as reason from jobs where "table" = 'articles'`,
      );
      expect(rows).toEqual([{ reason: expect.stringMatching(/subscriber/) }]);
    });
    const untilThere = () =>
      eventually(
        async () => {
          expect(await findVectorFaults(origin, 'notes')).toEqual(NO_FAULTS);
          expect(await findVectorFaults(copy, 'notes')).toEqual(NO_FAULTS);
          expect((await copy.pool.query('select from notes')).rowCount).toBe(40);
          expect((await copy.pool.query('select from articles')).rowCount).toBe(40);
        },
        { timeoutMs: 30_000 },
      );
    await untilThere();
    await origin.pool.query(
      `update notes set body = 'new ' || id where id <= 10; update articles set body = 'new' where id = 1`,
    );
    await untilThere();
    await eventually(async () =>
      expect((await copy.pool.query(`select from articles where body = 'new'`)).rowCount).toBe(1),
    );
    // The reason says what to do: the column on the subscriber first, then here.
    await copy.pool.query('alter table articles add embedding real[]');
    await origin.pool.query(`alter table articles add embedding real[]; delete from jobs where "table" = 'articles'`);
    await addJob(origin);
    await eventually(async () => expect(await findVectorFaults(copy, 'articles')).toEqual(NO_FAULTS), {
      timeoutMs: 30_000,
    });
  } finally {
    await copy.pool.query('drop subscription of_both');
  }
}, 120_000);
