import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { findChunkFaults } from '../support/check-chunks.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { addJob, DOCUMENTED_TABLE, startTestDaemon, type TestDaemon } from '../support/test-daemon.ts';

let db: TestDatabase;
let running: TestDaemon;
let serial = 0;
let table: string;
let chunks: string;

beforeAll(async () => {
  db = await createTestDatabase();
  await db.pool.query(DOCUMENTED_TABLE);
  await db.pool.query(
    'alter table jobs add dst_table text, add chunk_size integer, add chunk_overlap integer, add filter_column text',
  );
  running = await startTestDaemon({ uri: db.uri });
});
afterAll(async () => {
  await running[Symbol.asyncDispose]();
  await db[Symbol.asyncDispose]();
});
beforeEach(async () => {
  serial += 1;
  table = `books_${serial}`;
  chunks = `pages_${serial}`;
  await db.pool.query(`create table ${table} (id int primary key, body text, is_public boolean not null default true)`);
});

/** Sentences that no other document has. */
const textOf = (name: string, sentences: number) =>
  Array.from({ length: sentences }, (_, at) => `Sentence ${at} of ${name} is about lighthouses.`).join(' ');
const insert = (id: number, body: string | null) =>
  db.pool.query(`insert into ${table} (id, body) values ($1, $2)`, [id, body]);
const faults = (size: number, overlap = 0, filter = 'true') =>
  findChunkFaults(db, { table, chunks, size, overlap, filter });
const complete = (size: number, overlap = 0, filter = 'true') =>
  eventually(async () => expect(await faults(size, overlap, filter)).toEqual([]), { timeoutMs: 30_000 });
const job = (columns: Readonly<Record<string, unknown>> = {}) => addJob(db, { table, dst_table: chunks, ...columns });
const finished = (id: string) =>
  eventually(
    async () => {
      const { rows } = await db.pool.query(
        'select init_finished_at is not null as finished, init_failure_reason as reason from jobs where id = $1',
        [id],
      );
      expect(rows).toEqual([{ finished: true, reason: null }]);
    },
    { timeoutMs: 30_000 },
  );

test('documents are kept in chunks of the size that the row says, and the view shows how many', async () => {
  await insert(1, textOf('the first', 40));
  await insert(2, 'A short one.');
  await insert(3, ' ');
  const id = await job({ chunk_size: 32, chunk_overlap: 8 });
  await finished(id);
  expect(await faults(32, 8)).toEqual([]);
  const { rows } = await db.pool.query(`select count(*)::int as n from ${chunks} where id = 1`);
  expect(rows[0]?.n).toBeGreaterThan(5);
  await db.pool.query(`analyze ${chunks}`);
  const status = await db.pool.query(
    'select dst_table, chunk_size, chunk_overlap, rows::int, embedded::int, chunks::int from lamplighter.embedding_status where job_id = $1',
    [id],
  );
  expect(status.rows).toEqual([
    {
      dst_table: `public.${chunks}`,
      chunk_size: 32,
      chunk_overlap: 8,
      rows: 3,
      embedded: 2,
      chunks: Number(rows[0]?.n) + 1,
    },
  ]);
});

test('when the end of a document changes, only chunks at its end are embedded again', async () => {
  await insert(1, textOf('the growing one', 60));
  await finished(await job({ chunk_size: 32 }));
  const before = running.calls.texts.length;
  const total = await db.pool.query(`select count(*)::int as n from ${chunks}`);
  await db.pool.query(`update ${table} set body = body || ' And one sentence more.'`);
  await complete(32);
  expect(running.calls.texts.length - before).toBeLessThan(Number(total.rows[0]?.n) / 3);
});

test('the filter, the size and the destination can be changed in the row', async () => {
  await insert(1, textOf('one', 12));
  await insert(2, textOf('two', 12));
  await db.pool.query(`update ${table} set is_public = false where id = 2`);
  const id = await job({ chunk_size: 32, filter_column: 'is_public' });
  await complete(32, 0, 'is_public');
  await db.pool.query('update jobs set filter_column = null, chunk_size = 16 where id = $1', [id]);
  await complete(16);
  await db.pool.query(`update jobs set dst_table = null, chunk_size = null where id = $1`, [id]);
  await eventually(async () =>
    expect((await db.pool.query(`select count(embedding)::int as n from ${table}`)).rows).toEqual([{ n: 2 }]),
  );
});

test('a dropped table of chunks is made again while it is served', async () => {
  await insert(1, textOf('dropped', 12));
  await finished(await job({ chunk_size: 16 }));
  await db.pool.query(`drop table ${chunks}`);
  await db.pool.query(`update ${table} set body = body || ' More.'`);
  await complete(16);
});

test('a truncated table of chunks is filled again soon', async () => {
  await insert(1, textOf('truncated', 12));
  await finished(await job({ chunk_size: 16 }));
  await db.pool.query(`truncate ${chunks}`);
  await complete(16);
});

test('chunks that somebody deletes, and those whose row went where no foreign key held, are put right by the next full pass', async () => {
  for (const id of [1, 2, 3]) await insert(id, textOf(`number ${id}`, 20));
  await finished(await job({ chunk_size: 32 }));
  await db.pool.query(`delete from ${chunks} where id = 3 and chunk_no = 1`);
  await db.pool.query(
    `set session_replication_role = replica; delete from ${table} where id = 2; reset session_replication_role`,
  );
  expect(await faults(32)).toEqual(expect.arrayContaining(['3/1 is missing', '2/0 is left over']));
  await db.pool.query('select lamplighter.reconcile_embeddings(j.id) from lamplighter.embedding_job as j');
  await complete(32);
});

test('a row that cannot be done says why, and is done once it can', async () => {
  await db.pool.query(`alter table ${table} drop constraint ${table}_pkey`);
  await insert(1, 'Some text.');
  const id = await job();
  await eventually(async () => {
    const { rows } = await db.pool.query('select init_failure_reason as reason from jobs where id = $1', [id]);
    expect(rows[0]?.reason).toContain('is not unique, and chunks refer to it');
  });
  await db.pool.query(`alter table ${table} add primary key (id)`);
  await db.pool.query('update jobs set init_failed_at = null, init_failure_reason = null where id = $1', [id]);
  await db.pool.query('update jobs set chunk_size = 64 where id = $1', [id]);
  await complete(64);
});

test('a document of 5 MB is embedded, in many calls, and readers see its old chunks or its new ones', async () => {
  await insert(1, textOf('the old long one', 30));
  await finished(await job({ chunk_size: 256 }));
  const count = async () => Number((await db.pool.query(`select count(*) from ${chunks}`)).rows[0]?.count);
  const before = await count();
  await db.pool.query(`update ${table} set body = $1`, [textOf('the new long one', 100_000).slice(0, 5_000_000)]);
  const seen = new Set<number>();
  await eventually(
    async () => {
      seen.add(await count());
      expect(Math.max(...seen)).toBeGreaterThan(before);
    },
    { timeoutMs: 60_000 },
  );
  await complete(256);
  expect(seen.size).toBeLessThanOrEqual(2);
}, 120_000);

test('an outage of the model in the middle of a document charges nobody, and what was made before it is kept', async () => {
  const outage = `An outage !unavailable-times:2 ${serial}.`;
  await insert(1, `${textOf('the interrupted', 40)}\n\n${outage}\n\n${textOf('the rest', 10)}`);
  await finished(await job({ chunk_size: 16 }));
  const { rows } = await db.pool.query(`select count(*)::int as n from ${chunks} where embedding is null`);
  expect(rows).toEqual([{ n: 0 }]);
  const asked = running.calls.texts.filter((text) => text.includes('of the interrupted'));
  expect(asked.length).toBe(new Set(asked).size);
  expect((await db.pool.query('select from lamplighter.embedding_failures')).rowCount).toBe(0);
});
