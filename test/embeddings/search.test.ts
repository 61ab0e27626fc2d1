import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { JobSpec } from '../../src/embeddings/job-spec.ts';
import { createTestDatabase, type TestRole } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { openSession } from '../support/sql-session.ts';
import { type SqlWorker, startSqlWorker } from '../support/sql-worker.ts';
import { createTargetScene, type TargetScene, vectorOf } from './target-scene.ts';

let scene: TargetScene;
let reader: TestRole;
let worker: SqlWorker;

beforeAll(async () => {
  scene = await createTargetScene();
  reader = await scene.db.createRole('reader');
  worker = await startSqlWorker(scene.db.pool, { model: 'm1' });
  await scene.run(`select lamplighter.grant_caller('${reader.name}');
    create table notes (tenant int, id bigint, body text, primary key (tenant, id));
    insert into notes values (1, 1, 'near'), (1, 2, 'far away'), (2, 3, null), (2, 4, E'first\\nsecond line\\nlast');
    create table books (id int primary key, body text, owner name default current_user);
    insert into books (id, body) values (1, E'one\\ntwo'), (2, E'three\\nfour\\nfive')`);
  await settle('notes');
  await settle('books', { chunks: { schema: 'public', table: 'pages', size: 64, overlap: 0 } });
  await scene.run(`grant select on notes, pages to ${reader.name}`);
});
afterAll(() => scene[Symbol.asyncDispose]());

async function settle(table: string, changes: Partial<JobSpec> = {}): Promise<void> {
  await scene.settle(await scene.prepare(table, changes));
}

async function sqlErrorOf(run: () => Promise<unknown>): Promise<pg.DatabaseError> {
  const error = await run().catch((cause: unknown) => cause);
  if (error instanceof pg.DatabaseError) return error;
  throw new Error(`expected an error of the server, got ${JSON.stringify(error)}`);
}

interface Hit {
  key: Record<string, unknown>;
  chunk_no: number | null;
  chunk: string | null;
  distance: number;
}

/** As the reader, who may queue requests and read what was granted. */
async function search(text: string, values: readonly unknown[] = []): Promise<Hit[]> {
  await using session = await openSession(reader.uri);
  return (await session.client.query<Hit>(text, [...values])).rows;
}
const near = (job: string, text: string, k = 10) =>
  search('select * from lamplighter.search_by_vector($1, $2, $3)', [job, [...vectorOf(text)], k]);

describe('a search by a vector', () => {
  test('finds the rows of a column job, the nearest first, by a key that can be joined', async () => {
    const hits = await near('notes', 'near');
    expect(hits[0]).toEqual({ key: { tenant: 1, id: 1 }, chunk_no: null, chunk: null, distance: expect.closeTo(0, 5) });
    expect(hits).toHaveLength(3);
    expect(hits.map(({ distance }) => distance)).toEqual(hits.map(({ distance }) => distance).sort((a, b) => a - b));
    const joined = await search(
      `select n.body from lamplighter.search_by_vector('notes', $1, 1) as s
       join notes as n on (n.tenant, n.id) = ((s.key->>'tenant')::int, (s.key->>'id')::bigint)`,
      [[...vectorOf('far away')]],
    );
    expect(joined).toEqual([{ body: 'far away' }]);
  });

  test('finds the chunks of documents, with their numbers and texts, as many as are asked for', async () => {
    expect(await near('books', 'four', 1)).toEqual([
      { key: { id: 2 }, chunk_no: 1, chunk: 'four', distance: expect.closeTo(0, 5) },
    ]);
    expect(await near('books', 'four', 3)).toHaveLength(3);
  });

  test('takes the name of the vectors for the job, and asks for it where several jobs tables have the id', async () => {
    expect(await near('public.pages.vec', 'one', 1)).toMatchObject([{ chunk: 'one' }]);
    await scene.run('create table other (id int primary key, body text)');
    await settle('other', { controlId: 'another', jobId: 'notes' });
    await scene.run(`grant select on other to ${reader.name}`);
    const failed = await sqlErrorOf(() => near('notes', 'near'));
    expect(failed).toMatchObject({
      code: '42725',
      message: 'Several jobs tables have an embedding job notes',
      hint: "Name the vectors instead: 'public.notes.vec' or 'public.other.vec'",
    });
    expect(await near('public.notes.vec', 'near', 1)).toMatchObject([{ key: { id: 1 } }]);
    await scene.run('drop table other; delete from lamplighter.embedding_job where control_id = $$another$$');
  });

  test.each([
    [
      'no such job',
      () => near('nobody', 'x'),
      '42704',
      'There is no embedding job nobody here whose vectors you may read',
    ],
    ['no rows', () => near('notes', 'x', 0), '22023', 'k must be 1 or more, got 0'],
    [
      'another length',
      () => search(`select * from lamplighter.search_by_vector('notes', '{1,2}')`),
      '22023',
      'Expected a vector of 3 numbers, as the job has them, got 2',
    ],
    [
      'a matrix',
      () => search(`select * from lamplighter.search_by_vector('notes', '{{1,2,3}}')`),
      '22023',
      'Expected a vector of 3 numbers, as the job has them, got a matrix',
    ],
    [
      'no vector',
      () => search(`select * from lamplighter.search_by_vector('notes', null)`),
      '22023',
      'Expected a vector of 3 numbers, as the job has them, got NULL',
    ],
  ])('%s is an error', async (_, run, code, message) => {
    expect(await sqlErrorOf(run)).toMatchObject({ code, message });
  });
});

describe('who may search', () => {
  test('who cannot read the table is not told that there is a job', async () => {
    await scene.run(`revoke select on pages from ${reader.name}`);
    expect(await sqlErrorOf(() => near('books', 'one'))).toMatchObject({ code: '42704' });
    await scene.run(`grant select on pages to ${reader.name}`);
  });

  test('who can read some columns only is refused what is not among them', async () => {
    await scene.run(`revoke select on pages from ${reader.name}; grant select (id, chunk) on pages to ${reader.name}`);
    expect(await sqlErrorOf(() => near('books', 'one'))).toMatchObject({ code: '42501' });
    await scene.run(`grant select on pages to ${reader.name}`);
  });

  test('policies of the table hold, and those of the texts hold for their chunks', async () => {
    await scene.run(`alter table notes enable row level security; create policy later on notes using (id > 1);
      alter table books enable row level security; create policy own on books using (id = 1); grant select on books to ${reader.name}`);
    expect((await near('notes', 'near')).map(({ key }) => key['id']).sort()).toEqual([2, 4]);
    expect((await near('books', 'four')).map(({ chunk }) => chunk).sort()).toEqual(['one', 'two']);
    await scene.run(`revoke select on books from ${reader.name}`);
    expect(await sqlErrorOf(() => near('books', 'four'))).toMatchObject({ code: '42501' });
    await scene.run('alter table notes disable row level security; alter table books disable row level security');
    expect(await near('books', 'four')).toHaveLength(5);
  });

  test('odd names and a hostile search_path change nothing', async () => {
    const odd = `we.ird "table"; drop table notes; --`;
    const quoted = `"${odd.replaceAll('"', '""')}"`;
    await scene.run(
      `create table ${quoted} ("Key ""1""" text primary key, body text); insert into ${quoted} values ('a''b', 'odd')`,
    );
    await settle(odd, { dstColumn: `vec'"tor`, jobId: `it's` });
    await scene.run(`grant select on ${quoted} to ${reader.name}`);
    await using session = await openSession(reader.uri);
    await session.client.query(`create temp table notes (id int); create temp table pages (chunk text);
      create function pg_temp.jsonb_build_object(variadic text[]) returns jsonb language sql as $$ select '"forged"'::jsonb $$; set search_path = pg_temp, public`);
    const { rows } = await session.client.query(`select s.key from lamplighter.search_by_vector($1, $2) as s`, [
      `it's`,
      [...vectorOf('odd')],
    ]);
    expect(rows).toEqual([{ key: { 'Key "1"': "a'b" } }]);
  });
});

describe('a search by a text', () => {
  const loopback = async () => {
    const { hostname, port, pathname, username, password } = new URL(scene.db.uri);
    await scene.run(`create extension if not exists dblink; delete from lamplighter.loopback;
      insert into lamplighter.loopback (dsn) values ('host=${hostname} port=${port} dbname=${pathname.slice(1)} user=${username} password=${password}')`);
  };

  test('has the query embedded by a worker, as a query and by the model of the job', async () => {
    await loopback();
    const found = search(`select * from lamplighter.search('books', 'five', 2)`);
    await eventually(async () => {
      if ((await worker.answer(`[${[...vectorOf('five')]}]`)) === 0) throw new Error('nothing to answer yet');
    });
    expect(await found).toMatchObject([{ key: { id: 2 }, chunk_no: 2, chunk: 'five' }, {}]);
    const requests = await scene.run('select parameters, model, status from steadytext_queue');
    expect(requests[0]).toEqual({
      parameters: { text_input: 'five', use_cache: true, input_type: 'query' },
      model: 'm1',
      status: 'completed',
    });
  });

  test('says what to do where there is no loopback connection', async () => {
    await scene.run('delete from lamplighter.loopback');
    const failed = await sqlErrorOf(() => search(`select * from lamplighter.search('books', 'five')`));
    expect(failed).toMatchObject({
      code: '55000',
      message: expect.stringContaining('The query could not be embedded: Request'),
    });
    expect(failed.hint).toMatch(
      /lamplighter migrate --loopback DSN\. A vector that you have already is searched for with lamplighter\.search_by_vector\.$/,
    );
  });

  test('says which worker is missing where none serves the model, when it gives up', async () => {
    await loopback();
    await worker.fallSilent();
    const failed = await sqlErrorOf(() =>
      search(`set statement_timeout = '700ms'; select * from lamplighter.search('books', 'nine')`),
    );
    expect(failed.hint).toContain('--embed-model m1');
  });

  test('an empty query is an error, and nothing is queued', async () => {
    await scene.run('delete from steadytext_queue');
    expect(await sqlErrorOf(() => search(`select * from lamplighter.search('books', ' ')`))).toMatchObject({
      code: '22023',
      message: 'Query cannot be empty',
    });
    expect(await scene.run('select from steadytext_queue')).toEqual([]);
  });
});

test('the functions are there for callers that were granted the use, and for nobody else', async () => {
  await using db = await createTestDatabase();
  const stranger = await db.createRole('stranger');
  await using session = await openSession(stranger.uri);
  expect(await sqlErrorOf(() => session.client.query(`select lamplighter.search('x', 'y')`))).toMatchObject({
    code: '42501',
  });
});
