import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { connectClient } from '../../src/db/connection/connect-client.ts';
import { resolveConnection } from '../../src/db/connection/connection-settings.ts';
import { migrate } from '../../src/db/migrate/migrate.ts';
import type { TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { addJob, spawnDaemon, startTestDaemon } from '../support/test-daemon.ts';
import { createVectorDatabase, marksOf, PROVIDER, planOf, untilFinished, untilRight } from './vector-scene.ts';

const LEASE = { leaseMs: 2_000, heartbeatMs: 200 };
const PATIENCE = { timeoutMs: 30_000 };

let db: TestDatabase;
beforeEach(async () => {
  db = await createVectorDatabase();
});
afterEach(async () => {
  await db[Symbol.asyncDispose]();
});

async function createArticles(rows = 200, { columns = '' } = {}): Promise<void> {
  await db.pool.query(`create table articles (id integer primary key, body text ${columns})`);
  await db.pool.query(
    `insert into articles (id, body) select n, 'article ' || n from generate_series(1, $1::int) as n`,
    [rows],
  );
}

const addIndexedJob = (columns: Readonly<Record<string, unknown>> = {}) =>
  addJob(db, { table: 'articles', column_type: 'vector(384)', index: 'hnsw', ...columns });

interface IndexStatus {
  readonly state: string | null;
  readonly name: string | null;
  readonly reason: string | null;
}

async function statusOf(): Promise<IndexStatus | undefined> {
  const { rows } = await db.pool.query<IndexStatus>(
    'select index_state as state, index_name as name, index_reason as reason from lamplighter.embedding_status',
  );
  return rows[0];
}
const untilState = (state: string, reason: RegExp = /^/) =>
  eventually(async () => {
    const status = await statusOf();
    expect(status).toMatchObject({ state });
    expect(status?.reason ?? '').toMatch(reason);
  }, PATIENCE);

async function indexesOf(table = 'articles') {
  const { rows } = await db.pool.query<{ name: string; valid: boolean; definition: string }>(
    `select c.relname as name, i.indisvalid as valid, pg_get_indexdef(c.oid) as definition
     from pg_index as i join pg_class as c on c.oid = i.indexrelid join pg_am as m on m.oid = c.relam
     where i.indrelid = $1::regclass and m.amname = 'hnsw' order by 1`,
    [table],
  );
  return rows;
}

/** A transaction with a snapshot: an index that is built concurrently waits for its end. */
async function holdSnapshot(): Promise<{ readonly pid: number; release(): Promise<void> }> {
  const client = await db.pool.connect();
  await client.query('begin isolation level repeatable read');
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid from pg_class limit 1');
  return {
    pid: rows[0]?.pid ?? 0,
    async release() {
      await client.query('rollback');
      client.release();
    },
  };
}

const untilNobodyBuilds = () =>
  eventually(async () => {
    const { rowCount } = await db.pool.query(
      `select from pg_stat_activity where application_name = 'lamplighter index' and datname = $1`,
      [db.name],
    );
    expect(rowCount).toBe(0);
  }, PATIENCE);

test('is built once every row has its vector, while vectors go on being written', async () => {
  await createArticles();
  const id = await addIndexedJob();
  const held = await holdSnapshot();
  await using running = await startTestDaemon({ uri: db.uri, provider: PROVIDER });
  await untilFinished(db, id);
  await untilState('building', new RegExp(`waits for transactions of the processes ${held.pid}`));
  await db.pool.query(`insert into articles (id, body) values (1001, 'in the meantime')`);
  await db.pool.query(`update articles set body = 'another' where id = 7`);
  await untilRight(db, 'articles', 'vector');
  expect(await statusOf()).toMatchObject({ state: 'building' });
  await held.release();
  await untilState('built');
  expect(await indexesOf()).toEqual([
    {
      name: 'articles_embedding_hnsw',
      valid: true,
      definition: expect.stringContaining('USING hnsw (embedding vector_cosine_ops)'),
    },
  ]);
  const plan = await planOf(
    db,
    `select id from articles order by embedding <=> (select array_agg(0.1::real) from generate_series(1, 384))::vector limit 3`,
  );
  expect(plan).toContain('articles_embedding_hnsw');
  expect(running.lines().map(({ msg }) => msg)).toContain(
    'public.articles.embedding has its index articles_embedding_hnsw',
  );
});

test('of a halfvec column has the operators of halfvec', async () => {
  await createArticles(20);
  await addIndexedJob({ column_type: 'halfvec(384)' });
  await using _running = await startTestDaemon({ uri: db.uri, provider: PROVIDER });
  await untilState('built');
  expect((await indexesOf())[0]?.definition).toContain('halfvec_cosine_ops');
});

test('of somebody else that serves is taken for it', async () => {
  await createArticles(20, { columns: ', embedding vector(384)' });
  await db.pool.query('create index mine on articles using hnsw (embedding vector_cosine_ops)');
  await addIndexedJob();
  await using _running = await startTestDaemon({ uri: db.uri, provider: PROVIDER });
  await untilState('built');
  expect((await indexesOf()).map(({ name }) => name)).toEqual(['mine']);
});

describe('an invalid one is dropped and built again', () => {
  test('where an earlier try was cancelled', async () => {
    await createArticles(20, { columns: ', embedding vector(384)' });
    const held = await holdSnapshot();
    const client = await db.pool.connect();
    const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
    const failed = expect(
      client.query(
        'create index concurrently articles_embedding_hnsw on articles using hnsw (embedding vector_cosine_ops)',
      ),
    ).rejects.toThrow('canceling statement');
    await eventually(async () => expect(await indexesOf()).toMatchObject([{ valid: false }]));
    await db.pool.query('select pg_cancel_backend($1)', [rows[0]?.pid]);
    await failed;
    client.release();
    await held.release();
    expect(await indexesOf()).toMatchObject([{ valid: false }]);
    await addIndexedJob();
    await using _running = await startTestDaemon({ uri: db.uri, provider: PROVIDER });
    await untilState('built');
    expect(await indexesOf()).toMatchObject([{ name: 'articles_embedding_hnsw', valid: true }]);
  });

  test('where the session that builds was ended', async () => {
    await createArticles(20);
    await addIndexedJob();
    const held = await holdSnapshot();
    await using _running = await startTestDaemon({ uri: db.uri, provider: PROVIDER });
    await untilState('building', /waits for/);
    await db.pool.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'lamplighter index' and datname = $1`,
      [db.name],
    );
    await held.release();
    await untilState('built');
    expect(await indexesOf()).toMatchObject([{ valid: true }]);
  });
});

test('is built by one of two daemons, and after kill -9 of that one the server builds it to its end', async () => {
  await createArticles(50);
  const id = await addIndexedJob();
  const held = await holdSnapshot();
  const first = await spawnDaemon({ uri: db.uri, provider: PROVIDER, ...LEASE });
  await untilFinished(db, id);
  await untilState('building', /waits for/);
  await using second = await startTestDaemon({ uri: db.uri, provider: PROVIDER, ...LEASE });
  const builders = async () => {
    const { rows } = await db.pool.query<{ pid: number }>(
      `select pid from pg_stat_progress_create_index where datname = $1`,
      [db.name],
    );
    return rows.map(({ pid }) => pid);
  };
  const [builder] = await builders();
  first.kill('SIGKILL');
  await first.exited;
  // Whoever serves the job now sees the build of the dead one.
  await eventually(async () => {
    const { rows } = await db.pool.query('select served_by from lamplighter.embedding_progress');
    const { rows: alive } = await db.pool.query(
      `select worker_id from lamplighter.worker where kind = 'daemon' order by started_at desc limit 1`,
    );
    expect(rows[0]?.served_by).toBe(alive[0]?.worker_id);
  }, PATIENCE);
  expect(await builders()).toEqual([builder]);
  await held.release();
  await untilState('built');
  expect(await indexesOf()).toMatchObject([{ name: 'articles_embedding_hnsw', valid: true }]);
  expect(second.lines().filter(({ msg }) => msg.includes('cannot be built'))).toEqual([]);
  await untilNobodyBuilds();
});

test.each([
  ['the job wants none any more', 'update jobs set index = null'],
  ['the job is cancelled', 'update jobs set canceled_at = now()'],
])('a build is broken off, and nothing invalid stays, when %s', async (_, statement) => {
  await createArticles(20);
  await addIndexedJob();
  const held = await holdSnapshot();
  await using _running = await startTestDaemon({ uri: db.uri, provider: PROVIDER });
  await untilState('building', /waits for/);
  expect(await indexesOf()).toMatchObject([{ valid: false }]);
  await db.pool.query(statement);
  await untilNobodyBuilds();
  await held.release();
  await eventually(async () => expect((await statusOf())?.state).toBeNull(), PATIENCE);
  await eventually(async () => expect(await indexesOf()).toEqual([]), PATIENCE);
});

test('of a dst_table is built there', async () => {
  await createArticles(20);
  const id = await addIndexedJob({ dst_table: 'chunks' });
  await using _running = await startTestDaemon({ uri: db.uri, provider: PROVIDER });
  await untilFinished(db, id);
  await untilState('built');
  expect(await indexesOf('chunks')).toMatchObject([{ name: 'chunks_embedding_hnsw', valid: true }]);
});

test('of a partitioned table is built partition by partition, and new partitions have it', async () => {
  await db.pool.query(`create table articles (id integer primary key, body text) partition by range (id);
    create table low partition of articles for values from (0) to (100);
    create table high partition of articles for values from (100) to (1000) partition by range (id);
    create table higher partition of high for values from (100) to (500);
    insert into articles select n, 'article ' || n from generate_series(1, 200) as n`);
  await addIndexedJob();
  await using _running = await startTestDaemon({ uri: db.uri, provider: PROVIDER });
  await untilState('built');
  await untilRight(db, 'articles', 'vector');
  for (const table of ['articles', 'low', 'high', 'higher']) {
    expect(await indexesOf(table), table).toMatchObject([{ valid: true }]);
  }
  expect((await indexesOf('higher'))[0]?.name).toBe('higher_embedding_hnsw');
  await db.pool.query('create table highest partition of high for values from (500) to (1000)');
  expect(await indexesOf('highest')).toMatchObject([{ valid: true }]);
});

describe('what cannot be built is told, and vectors are written all the same', () => {
  test.each([
    [
      'of real[]',
      { column_type: 'REAL[]' },
      /needs a column of type vector\(n\) or halfvec\(n\), and "embedding" is real\[\]/,
    ],
    ['of vector without a length', { column: 'vector' }, /how long the vectors/],
  ])('a column %s', async (_, { column, column_type }: { column?: string; column_type?: string }, reason) => {
    await createArticles(20, { columns: column === undefined ? '' : `, embedding ${column}` });
    const id = await addIndexedJob(column_type === undefined ? {} : { column_type });
    await using running = await startTestDaemon({ uri: db.uri, provider: PROVIDER });
    await untilFinished(db, id);
    await untilState('failed', reason);
    await db.pool.query(`update articles set body = 'other' where id = 3`);
    await untilRight(db, 'articles', column === undefined ? 'real[]' : 'vector');
    expect(running.warnings().map(({ msg }) => msg)).toContainEqual(expect.stringContaining('cannot be built'));
  });

  test('vectors longer than the index takes', async () => {
    await createArticles(5);
    await addIndexedJob({ column_type: 'vector(2500)' });
    await using _running = await startTestDaemon({ uri: db.uri, provider: { ...PROVIDER, dimensions: 2_500 } });
    await untilState(
      'failed',
      /vectors of 2000 numbers as vector, and those of "embedding" have 2500, and of 4000 numbers as halfvec/,
    );
  });

  test('a table that the daemon does not own', async () => {
    const owner = await db.createRole('owner', { login: false });
    const login = await db.createRole('login');
    await createArticles(5, { columns: ', embedding vector(384)' });
    await db.pool.query(`alter table articles owner to ${owner.name};
      grant select, update, trigger on articles to ${login.name};
      grant select, update on jobs to ${login.name};
      grant usage on schema lamplighter, public to ${login.name}`);
    const session = await connectClient(resolveConnection({ uri: db.uri }, {}));
    await migrate(session, { grantWorker: [login.name] });
    await session.end();
    await addIndexedJob();
    await using _running = await startTestDaemon({ uri: login.uri, provider: PROVIDER, trustedOwners: [owner.name] });
    await untilState(
      'failed',
      new RegExp(`Only the owner of "public"."articles" may build .* GRANT "${owner.name}" TO "${login.name}";`),
    );
    await untilRight(db, 'articles', 'vector');
  });
});

test('another value of the column is refused with what may stand there', async () => {
  await createArticles(5);
  const id = await addIndexedJob({ index: 'ivfflat' });
  await using _running = await startTestDaemon({ uri: db.uri, provider: PROVIDER });
  await eventually(async () =>
    expect((await marksOf(db, id))?.reason).toBe('index is "ivfflat", and must be hnsw, or NULL for none'),
  );
});
