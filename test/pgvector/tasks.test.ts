import { afterAll, beforeAll, expect, test } from 'vitest';
import { withClient } from '../support/admin.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { startTestWorker, type TestWorker } from '../support/test-worker.ts';
import { untilEnded, untilState } from '../tasks/worker-stage.ts';

const ROWS = 3_000;

let db: TestDatabase;
let tested: TestWorker;
beforeAll(async () => {
  db = await createTestDatabase();
  await db.pool.query(`create extension vector;
    create table sift_base1k (id int primary key, v vector(32));
    create table small_world (id int primary key, v vector(3));
    create table reals (id int primary key, v real[]);
    select setseed(0.5);
    insert into sift_base1k
    select n, (select array_agg(random() + n * 0 order by d) from generate_series(1, 32) as d)::real[]::vector
    from generate_series(1, ${ROWS}) as n;
    insert into small_world select n, array[n % 2, n / 2 % 2, n / 4 % 2]::real[]::vector from generate_series(0, 7) as n;
    insert into reals select n, array[n, n, n] from generate_series(0, 7) as n`);
  tested = await startTestWorker({ uri: db.uri });
});
afterAll(async () => {
  await tested[Symbol.asyncDispose]();
  await db[Symbol.asyncDispose]();
});

/** Runs a statement as it stands; the task that it has queued last. */
async function queue(statement: string): Promise<string> {
  await withClient(db.uri, (client) => client.query(statement));
  const { rows } = await db.pool.query<{ jobid: string }>('select max(jobid) as jobid from lantern.tasks');
  return rows[0]?.jobid ?? '';
}
const endOf = async (statement: string) => untilEnded(db.pool, await queue(statement), 60_000);

async function indexesOf(table: string) {
  const { rows } = await db.pool.query<{ name: string; valid: boolean; definition: string }>(
    `select i.indexrelid::regclass::text as name, i.indisvalid as valid, pg_get_indexdef(i.indexrelid) as definition
     from pg_index as i where i.indrelid = $1::regclass and not i.indisprimary order by i.indexrelid`,
    [table],
  );
  return rows;
}

test.each([
  [
    `SELECT lantern.async_task($$CREATE INDEX ON small_world USING lantern_hnsw (v)$$)`,
    'ERROR:  access method "lantern_hnsw" does not exist\n',
  ],
  [
    // pgvector has no operator class that is taken when none is named.
    `SELECT lantern.async_task('CREATE INDEX idx ON sift_base1k USING hnsw(v)', 'Indexing Job');`,
    'ERROR:  data type vector has no default operator class for access method "hnsw"\nHINT:  You must specify an operator class for the index or define a default operator class for the data type.\n',
  ],
  [
    `SELECT lantern.async_task('CREATE INDEX ON reals USING hnsw(v vector_l2_ops)');`,
    'ERROR:  operator class "vector_l2_ops" does not accept data type real[]\n',
  ],
])('%s ends failed with the words of PostgreSQL', async (statement, message) => {
  expect(await endOf(statement)).toMatchObject({ status: 'failed', error_message: message });
});

test.each([
  ['', 'vector_l2_ops', '<->'],
  ['CONCURRENTLY ', 'vector_cosine_ops', '<=>'],
])('CREATE INDEX %son real vectors builds an index that queries use', async (how, operators, operator) => {
  expect(
    await endOf(`SELECT lantern.async_task($$CREATE INDEX ${how}ON small_world USING hnsw (v ${operators})$$)`),
  ).toMatchObject({ status: 'succeeded', error_message: null });
  const built = (await indexesOf('small_world')).at(-1);
  expect(built).toMatchObject({ valid: true, definition: expect.stringContaining(`USING hnsw (v ${operators})`) });
  await withClient(db.uri, async (client) => {
    await client.query('set enable_seqscan = off');
    const { rows } = await client.query(`explain select id from small_world order by v ${operator} '[1,1,1]' limit 1`);
    expect(JSON.stringify(rows)).toContain(built?.name);
  });
});

test.each([
  ['', ['building index: loading tuples']],
  ['CONCURRENTLY ', ['building index: loading tuples']],
])('the progress of CREATE INDEX %sis seen, and only grows', async (how, phases) => {
  // As slow as an index of a large table.
  const text = `SET maintenance_work_mem = '64MB'; SET max_parallel_maintenance_workers = 0; CREATE INDEX ${how}ON sift_base1k USING hnsw (v vector_l2_ops) WITH (m = 24, ef_construction = 300)`;
  const jobid = await queue(`SELECT lantern.async_task($$${text}$$, 'Indexing Job')`);
  await untilState(db.pool, jobid, 'running');
  const seen: { readonly phase: string; readonly percent: number }[] = [];
  await eventually(
    async () => {
      const { rows } = await db.pool.query<{ phase: string | null; percent: number | null; state: string }>(
        `select progress_phase as phase, progress_percent::float8 as percent, state from lantern.task_status where jobid = $1`,
        [jobid],
      );
      const [row] = rows;
      if (row?.phase != null && row.percent !== null) seen.push({ phase: row.phase, percent: row.percent });
      expect(row?.state).toBe('succeeded');
    },
    { timeoutMs: 60_000, intervalMs: 10 },
  );
  const names = new Set(seen.map(({ phase }) => phase));
  for (const phase of phases) expect([...names]).toContainEqual(expect.stringContaining(phase));
  // While PostgreSQL reads the first block of a table it reports all of them as done.
  const percents = seen.map(({ percent }) => percent).filter((percent, at, all) => at > 0 || percent <= (all[1] ?? 0));
  expect(percents).toEqual([...percents].sort((a, b) => a - b));
  expect(new Set(percents).size).toBeGreaterThan(3);
  expect(percents.at(-1)).toBeLessThanOrEqual(100);
  expect(await untilEnded(db.pool, jobid)).toMatchObject({ status: 'succeeded', error_message: null });
});

test('writers go on while an index is built concurrently, and the index has what they wrote', async () => {
  const jobid = await queue(
    `SELECT lantern.async_task($$CREATE INDEX CONCURRENTLY written ON sift_base1k USING hnsw (v vector_l2_ops)$$)`,
  );
  await untilState(db.pool, jobid, 'running');
  const far = `[${Array.from({ length: 32 }, () => 9).join(',')}]`;
  await db.pool.query('insert into sift_base1k values ($1, $2)', [ROWS + 1, far]);
  expect(await untilEnded(db.pool, jobid, 60_000)).toMatchObject({ status: 'succeeded' });
  await withClient(db.uri, async (client) => {
    await client.query('set enable_seqscan = off');
    const { rows } = await client.query(`select id from sift_base1k order by v <-> $1 limit 1`, [far]);
    expect(rows).toEqual([{ id: ROWS + 1 }]);
  });
});
