import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Pool } from '../../src/db/pool.ts';
import type { JobSpec, PreparedJob } from '../../src/embeddings/job-spec.ts';
import { pruneChunks } from '../../src/embeddings/prune-chunks.ts';
import { eventually } from '../support/eventually.ts';
import { createTargetScene, linesOf, type TargetScene, vectorOf } from './target-scene.ts';

let scene: TargetScene;
let table: string;
let chunks: string;
let serial = 0;

beforeAll(async () => {
  scene = await createTargetScene();
});
afterAll(() => scene[Symbol.asyncDispose]());
beforeEach(async () => {
  serial += 1;
  table = `articles_${serial}`;
  chunks = `chunks_${serial}`;
  await scene.run(`create table ${table} (id int primary key, body text, note text);
    insert into ${table} values (1, E'one\\ntwo\\nthree', ''), (2, 'single', ''), (3, ' ', ''), (4, null, '')`);
  scene.takeAsked();
});

const prepare = (changes: Partial<JobSpec> = {}) =>
  scene.prepare(table, { chunks: { schema: 'public', table: chunks, size: 64, overlap: 0 }, ...changes });

async function settled(changes: Partial<JobSpec> = {}): Promise<PreparedJob> {
  const job = await prepare(changes);
  await scene.settle(job);
  scene.takeAsked();
  return job;
}

interface ChunkRow {
  id: number;
  chunk_no: number;
  chunk: string;
  vec: number[] | null;
}

const rows = async (): Promise<ChunkRow[]> =>
  (await scene.db.pool.query<ChunkRow>(`select id, chunk_no, chunk, vec from ${chunks} order by id, chunk_no`)).rows;

/** What differs between the chunks and those that the texts have: empty when all is well. */
async function wrong(model = 'm1'): Promise<string[]> {
  const { rows: texts } = await scene.db.pool.query<{ id: number; body: string | null }>(
    `select id, body from ${table} order by id`,
  );
  const wanted = texts.flatMap(({ id, body }) =>
    linesOf(body ?? '').map((line, no) => `${id}/${no} ${line} ${[...vectorOf(line, model)]}`),
  );
  const found = (await rows()).map(({ id, chunk_no, chunk, vec }) => `${id}/${chunk_no} ${chunk} ${vec ?? 'none'}`);
  return [
    ...wanted.filter((row) => !found.includes(row)).map((row) => `lacks ${row}`),
    ...found.filter((row) => !wanted.includes(row)).map((row) => `has ${row}`),
  ];
}

test('the table of the chunks is made, with the key of the source, and filled; no column is added to the source', async () => {
  await settled();
  expect(await wrong()).toEqual([]);
  expect((await scene.run(`select * from ${table} limit 1`)).map(Object.keys)).toEqual([['id', 'body', 'note']]);
  expect(await rows()).toHaveLength(4);
});

test('an insert and an update of the text are taken up, an unrelated update is not', async () => {
  const job = await settled();
  await scene.run(
    `insert into ${table} values (5, E'a\\nb', ''); update ${table} set body = 'other' where id = 2; update ${table} set note = 'x'`,
  );
  await scene.drain(job);
  expect(scene.takeAsked().sort()).toEqual(['a', 'b', 'other']);
  expect(await wrong()).toEqual([]);
});

test('of a text whose end changes, only what is new is embedded and written', async () => {
  const job = await settled();
  const before = await scene.run(
    `select xmin::text, ctid::text from ${chunks} where id = 1 and chunk_no < 2 order by chunk_no`,
  );
  await scene.run(`update ${table} set body = E'one\\ntwo\\n3\\nfour' where id = 1`);
  await scene.drain(job);
  expect(scene.takeAsked()).toEqual(['3', 'four']);
  expect(await wrong()).toEqual([]);
  expect(
    await scene.run(`select xmin::text, ctid::text from ${chunks} where id = 1 and chunk_no < 2 order by chunk_no`),
  ).toEqual(before);
});

test('chunks that move keep their vectors: a paragraph put first costs one embedding', async () => {
  const job = await settled();
  await scene.run(`update ${table} set body = E'zero\\n' || body where id = 1`);
  await scene.drain(job);
  expect(scene.takeAsked()).toEqual(['zero']);
  expect(await wrong()).toEqual([]);
  await scene.run(`update ${table} set body = E'three\\ntwo\\none' where id = 1`);
  await scene.drain(job);
  expect(scene.takeAsked()).toEqual([]);
  expect(await wrong()).toEqual([]);
});

test('a text that becomes blank or null loses its chunks, and so does one that becomes shorter its last ones', async () => {
  const job = await settled();
  await scene.run(`update ${table} set body = null where id = 2; update ${table} set body = 'one' where id = 1`);
  await scene.drain(job);
  expect(scene.takeAsked()).toEqual([]);
  expect((await rows()).map(({ id, chunk }) => [id, chunk])).toEqual([[1, 'one']]);
  await scene.run(`update ${table} set body = E' \\n\\t' where id = 1`);
  await scene.drain(job);
  expect(await rows()).toEqual([]);
});

test('a deleted row takes its chunks with it, and a changed key keeps them without a call of the model', async () => {
  const job = await settled();
  await scene.run(`delete from ${table} where id = 2; update ${table} set id = 10 where id = 1`);
  await scene.drain(job);
  expect(scene.takeAsked()).toEqual([]);
  expect(await wrong()).toEqual([]);
  expect((await rows()).map(({ id }) => id)).toEqual([10, 10, 10]);
});

test('a row that is changed, deleted or rekeyed while it is being embedded ends with the chunks of its last text', async () => {
  const job = await settled();
  await scene.run(
    `update ${table} set body = E'a\\nb' where id in (1, 2); update ${table} set body = 'three' where id = 3`,
  );
  const batch = await scene.claim(job);
  await scene.run(
    `update ${table} set body = E'a\\nc' where id = 1; delete from ${table} where id = 2; update ${table} set id = 30 where id = 3`,
  );
  await scene.answer(job, batch);
  expect((await rows()).filter(({ id }) => id === 1).map(({ chunk }) => chunk)).toEqual(['one', 'two', 'three']);
  await scene.drain(job);
  expect(await wrong()).toEqual([]);
});

test('chunks deleted by hand, vectors set to null, texts altered and a truncated table are repaired by a full pass', async () => {
  const job = await settled();
  await scene.run(`delete from ${chunks} where id = 1 and chunk_no = 1`);
  await scene.settle(job);
  expect(await wrong()).toEqual([]);
  scene.takeAsked();
  await scene.run(`update ${chunks} set vec = null where id = 1 and chunk_no = 2`);
  await scene.settle(job);
  expect(scene.takeAsked()).toEqual(['three']);
  expect(await wrong()).toEqual([]);
  await scene.run(
    `update ${chunks} set chunk = 'forged' where id = 2; insert into ${chunks} values (3, 0, 'made up', null), (1, -1, 'x', null)`,
  );
  await scene.settle(job);
  expect(await wrong()).toEqual([]);
  await scene.run(`truncate ${chunks}`);
  await scene.settle(job);
  expect(await wrong()).toEqual([]);
});

test('what changed while no trigger fired is found by a full pass', async () => {
  const job = await settled();
  await scene.run(`alter table ${table} disable trigger user; update ${table} set body = 'unseen' where id = 1;
    insert into ${table} values (6, 'new', ''); update ${table} set body = null where id = 2; alter table ${table} enable trigger user`);
  await scene.settle(job);
  expect(await wrong()).toEqual([]);
});

test('chunks whose text went where no foreign key held are deleted after a full pass, and no others', async () => {
  const job = await settled();
  const prune = () => pruneChunks(scene.pool, job, new AbortController().signal);
  expect(await prune()).toBe(0);
  await scene.run(`set session_replication_role = replica; delete from ${table} where id = 2; update ${table} set id = 10 where id = 1;
    reset session_replication_role`);
  await scene.settle(job);
  expect(await wrong()).toEqual(
    expect.arrayContaining([expect.stringMatching(/^has 1\/0/), expect.stringMatching(/^has 2\/0/)]),
  );
  expect(await prune()).toBe(4);
  expect(await wrong()).toEqual([]);
});

describe('a text that comes back under the key of orphaned chunks has its chunks', () => {
  const orphan = () =>
    scene.run(
      `set session_replication_role = replica; delete from ${table} where id = 1; reset session_replication_role`,
    );
  const comeBack = () => scene.run(`insert into ${table} values (1, E'one\\ntwo\\nthree', '')`);
  /** Prunes, and steps in at transactions that are told apart by their statements: before they begin, or before they are committed. */
  async function pruneWith(
    isMeant: (statement: string) => boolean,
    step: 'before' | 'within',
    run: () => Promise<unknown>,
  ) {
    const { pool } = scene;
    let isDone = false;
    const once = async () => {
      if (isDone) return;
      isDone = true;
      await run();
    };
    const stepping: Pool = {
      ...pool,
      withTransaction: (work) =>
        pool.withTransaction(async (transaction) => {
          let isIn = false;
          const result = await work({
            async query<Row extends object>(text: string, params?: readonly unknown[]) {
              isIn ||= isMeant(text);
              if (isIn && step === 'before') await once();
              return transaction.query<Row>(text, params);
            },
          });
          if (isIn && step === 'within') await once();
          return result;
        }),
    };
    await pruneChunks(stepping, job, new AbortController().signal);
    expect(isDone).toBe(true);
  }
  let job: PreparedJob;
  beforeEach(async () => {
    job = await settled();
    await orphan();
  });
  const isDelete = (statement: string) => statement.includes('delete from only');
  const complete = () =>
    eventually(async () => {
      await scene.drain(job);
      expect(await wrong()).toEqual([]);
    });

  test('when it comes between the look and the deletion', async () => {
    await pruneWith(isDelete, 'before', comeBack);
    await complete();
    // They were not deleted and made again.
    expect(scene.takeAsked()).toEqual([]);
  });

  test('when it comes, and is looked at, before the deletion is committed', async () => {
    await pruneWith(isDelete, 'within', async () => {
      await comeBack();
      await scene.drain(job);
    });
    await complete();
  });
});

test('a full pass over complete documents asks nothing and writes nothing', async () => {
  const job = await settled();
  const before = await scene.run(`select ctid::text, xmin::text from ${chunks} order by 1`);
  await scene.settle(job);
  expect(scene.takeAsked()).toEqual([]);
  expect(await scene.run(`select ctid::text, xmin::text from ${chunks} order by 1`)).toEqual(before);
});

test('another model, size or overlap makes all chunks anew', async () => {
  await settled();
  await scene.settle(await prepare({ model: 'm2' }));
  expect(await wrong('m2')).toEqual([]);
  scene.takeAsked();
  await scene.settle(await prepare({ model: 'm2', chunks: { schema: 'public', table: chunks, size: 32, overlap: 4 } }));
  expect(scene.takeAsked()).toHaveLength(4);
  expect(await wrong('m2')).toEqual([]);
});

test('late writers of the former model, and of a job that was canceled, write nothing', async () => {
  const job = await settled();
  await scene.run(`update ${table} set body = 'late' where id = 2`);
  const batch = await scene.claim(job);
  const next = await prepare({ model: 'm2' });
  await expect(scene.answer(job, batch)).rejects.toMatchObject({ code: 'JOB_CHANGED' });
  await scene.settle(next);
  expect(await wrong('m2')).toEqual([]);
});

test('a filter decides which rows have chunks', async () => {
  await scene.run(`alter table ${table} add column is_public boolean not null default true`);
  const job = await settled({ filterColumn: 'is_public' });
  expect(await wrong()).toEqual([]);
  await scene.run(`update ${table} set is_public = false where id = 1`);
  await scene.drain(job);
  expect((await rows()).map(({ id }) => id)).toEqual([2]);
  await scene.run(`update ${table} set is_public = true where id = 1`);
  await scene.drain(job);
  expect(await wrong()).toEqual([]);
});

test('a dropped table of chunks is made again, and filled', async () => {
  const job = await settled();
  await scene.run(`drop table ${chunks}; update ${table} set body = 'x' where id = 2`);
  await expect(scene.drain(job)).rejects.toThrow(`"public.${chunks}" does not exist`);
  await scene.settle(await prepare());
  expect(await wrong()).toEqual([]);
});

test('a renamed table of chunks is followed when the row names it, without a call of the model', async () => {
  await settled();
  await scene.run(`alter table ${chunks} rename to renamed_${serial}`);
  chunks = `renamed_${serial}`;
  await scene.settle(await prepare());
  expect(scene.takeAsked()).toEqual([]);
  await scene.run(`update ${table} set body = E'one\\ntwo\\nfour' where id = 1`);
  await scene.drain(await prepare());
  expect(scene.takeAsked()).toEqual(['four']);
  expect(await wrong()).toEqual([]);
});

test('a job that moves from a column to a table of chunks and back is served in both, where the owner made it', async () => {
  const [owner] = await scene.run(`select tableowner as name from pg_tables where tablename = '${table}'`);
  const jobRowOwner = String(owner?.['name']);
  await scene.settle(await scene.prepare(table));
  expect(await scene.wrong(table)).toEqual([]);
  await settled({ jobRowOwner });
  expect(await wrong()).toEqual([]);
  await scene.run(`update ${table} set body = 'moved' where id = 1`);
  await expect(scene.prepare(table)).rejects.toThrow("holds values that are not this job's");
  await scene.settle(await scene.prepare(table, { jobRowOwner }));
  expect(await scene.wrong(table)).toEqual([]);
  await scene.settle(await prepare({ jobRowOwner }));
  expect(await wrong()).toEqual([]);
});

test('keys of several columns, with quotes, 2 kB and settings of their own, and odd names are served', async () => {
  const odd = `Chunks "of" ${serial}; drop table ${table}`;
  await scene.run(`create table "We.ird ${serial}" ("a ""b" text, at timestamptz, "Body" text, primary key ("a ""b", at));
    insert into "We.ird ${serial}" select repeat(md5(g::text), 20 * g) || ', "}{\\', '2026-04-03 10:00+02', E'x\\ny' || g from generate_series(1, 3) as g`);
  const spec = {
    table: `We.ird ${serial}`,
    srcColumn: 'Body',
    dstColumn: 'the "vector"',
    chunks: { schema: 'public', table: odd, size: 8, overlap: 0 },
  };
  const job = await prepare(spec);
  await scene.settle(job);
  await scene.run(
    `set datestyle = 'SQL, DMY'; update "We.ird ${serial}" set "Body" = "Body" || E'\\nz'; reset datestyle`,
  );
  await scene.drain(job);
  const found = await scene.run(
    `select count(*)::int as n, count("the ""vector""")::int as vectors from "${odd.replaceAll('"', '""')}"`,
  );
  expect(found).toEqual([{ n: 9, vectors: 9 }]);
});

test('partitioned tables are served, and rows that change their partition keep their chunks', async () => {
  await scene.run(`create table parted_${serial} (id int, region text, body text, primary key (id, region)) partition by list (region);
    create table parted_${serial}_a partition of parted_${serial} for values in ('a');
    create table parted_${serial}_b partition of parted_${serial} for values in ('b');
    insert into parted_${serial} values (1, 'a', E'p\\nq'), (2, 'b', 'r')`);
  const job = await prepare({ table: `parted_${serial}` });
  await scene.settle(job);
  scene.takeAsked();
  await scene.run(
    `insert into parted_${serial}_b values (3, 'b', 's'); update parted_${serial} set body = 't' where id = 2`,
  );
  await scene.drain(job);
  expect(scene.takeAsked().sort()).toEqual(['s', 't']);
  expect(await scene.run(`select id, region, chunk from ${chunks} order by 1, chunk_no`)).toEqual([
    { id: 1, region: 'a', chunk: 'p' },
    { id: 1, region: 'a', chunk: 'q' },
    { id: 2, region: 'b', chunk: 't' },
    { id: 3, region: 'b', chunk: 's' },
  ]);
});

test('a chunk that fails leaves the old chunks of its document, and the row is in the failures', async () => {
  const job = await settled();
  await scene.run(`alter table ${chunks} add constraint no_bad check (chunk <> 'bad');
    update ${table} set body = E'one\\nbad' where id = 1; update ${table} set body = 'good' where id = 2`);
  await scene.drain(job);
  expect((await rows()).map(({ chunk }) => chunk)).toEqual(['one', 'two', 'three', 'good']);
  const [failure] = await scene.run(
    `select key, error from lamplighter.embedding_failures where table_name = '${table}'`,
  );
  expect(failure).toMatchObject({ key: '{1}', error: expect.stringContaining('no_bad') });
});

test('a trigger that alters or swallows chunks makes its document fail, and names itself', async () => {
  const job = await settled();
  await scene.run(`create function mangle_${serial}() returns trigger language plpgsql as $$
      begin if new.chunk = 'gone' then return null; end if; new.chunk := upper(new.chunk); return new; end $$;
    create trigger mangles before insert or update on ${chunks} for each row execute function mangle_${serial}();
    update ${table} set body = 'gone' where id = 1; update ${table} set body = 'low' where id = 2`);
  await scene.drain(job);
  expect((await rows()).map(({ chunk }) => chunk)).toEqual(['one', 'two', 'three', 'single']);
  const failures = await scene.run(`select error from lamplighter.embedding_failures where table_name = '${table}'`);
  expect(failures.map(({ error }) => error)).toEqual([1, 2].map(() => expect.stringContaining('"mangles"')));
});
