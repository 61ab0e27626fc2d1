import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findVectorFaults, NO_FAULTS } from '../support/check-vectors.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { withSession } from '../support/owned-database.ts';
import { addJob, DOCUMENTED_TABLE, startTestDaemon, type TestDaemon } from '../support/test-daemon.ts';

let db: TestDatabase;
let running: TestDaemon;
let tables = 0;

beforeAll(async () => {
  db = await createTestDatabase();
  await db.pool.query(DOCUMENTED_TABLE);
  await db.pool.query(
    'alter table jobs add column batch_size integer, add column max_rows_per_second integer, add column label text',
  );
  running = await startTestDaemon({ uri: db.uri });
});
afterAll(async () => {
  await running[Symbol.asyncDispose]();
  await db[Symbol.asyncDispose]();
});

interface JobMarks {
  readonly started: boolean;
  readonly finished: boolean;
  readonly failed: boolean;
  readonly reason: string | null;
}

async function marksOf(id: string): Promise<JobMarks> {
  const { rows } = await db.pool.query<JobMarks>(
    `select init_started_at is not null as started, init_finished_at is not null as finished,
            init_failed_at is not null as failed, init_failure_reason as reason from jobs where id = $1`,
    [id],
  );
  return rows[0] ?? { started: false, finished: false, failed: false, reason: null };
}

const finished = (id: string) =>
  eventually(async () =>
    expect(await marksOf(id)).toEqual({ started: true, finished: true, failed: false, reason: null }),
  );
const failed = (id: string, reason: RegExp) =>
  eventually(async () =>
    expect(await marksOf(id)).toMatchObject({ failed: true, reason: expect.stringMatching(reason) }),
  );
const complete = (table: string, model?: string) =>
  eventually(async () => expect(await findVectorFaults(db, table, model)).toEqual(NO_FAULTS));
/** The texts that the model was asked for and that have this word. */
const asked = (word: string) => running.calls.texts.filter((text) => text.includes(word)).length;

/** A table of its own with so many rows. */
async function createArticles(rows = 5, columns = ''): Promise<string> {
  tables += 1;
  const table = `articles_${tables}`;
  await db.pool.query(
    `create table ${table} (id integer primary key, body text, views integer not null default 0 ${columns})`,
  );
  await db.pool.query(
    `insert into ${table} (id, body) select n, '${table} ' || n from generate_series(1, ${rows}) as n`,
  );
  return table;
}

describe('a row of the jobs table', () => {
  test('with max_rows_per_second has its rows embedded at that rate, from the first second on', async () => {
    const table = await createArticles(45);
    const beganMs = performance.now();
    await addJob(db, { table, max_rows_per_second: 15 });
    await complete(table);
    expect(performance.now() - beganMs).toBeGreaterThanOrEqual(2_000);
  });

  test('is filled after others where queueSize says so, and its changed rows wait for none of them', async () => {
    await using lined = await startTestDaemon({
      uri: db.uri,
      label: 'lined up',
      queueSize: 1,
      batchRows: 4,
      provider: { maxBatch: 1, maxConcurrency: 1 },
    });
    const [first, second] = [await createArticles(0), await createArticles(0)];
    for (const table of [first, second]) {
      await db.pool.query(`insert into ${table} select n, '!sleep:20 ${table} ' || n from generate_series(1, 40) as n`);
      await addJob(db, { table, label: 'lined up' });
    }
    const { texts } = lined.calls;
    const of = (table: string) => texts.filter((text) => text.includes(`${table} `));
    await eventually(() => expect(texts).not.toEqual([]));
    const [now = first, later = second] = of(first).length > 0 ? [first, second] : [second, first];
    await eventually(async () => {
      const { rowCount } = await db.pool.query('select from pg_trigger where tgrelid = $1::regclass', [later]);
      expect(rowCount).toBeGreaterThan(0);
    });
    await db.pool.query(`insert into ${later} values (77, 'changed meanwhile')`);
    await eventually(() => expect(texts).toContain('changed meanwhile'));
    expect(of(now).length).toBeLessThan(40);
    expect(of(later)).toEqual([]);
    await complete(now);
    await complete(later);
    expect(texts.findIndex((text) => text.includes(`${later} `))).toBeGreaterThan(
      texts.findLastIndex((text) => text.includes(`${now} `)),
    );
  });

  test('is heeded: the column is added, every row gets a vector, and the row says so', async () => {
    const table = await createArticles(1_000);
    const id = await addJob(db, { table });
    await finished(id);
    await complete(table);
    const { rows } = await db.pool.query(`select min(cardinality(embedding)) as length from ${table}`);
    expect(rows).toEqual([{ length: 8 }]);
  });

  test('is cancelled and taken up again, and what changed meanwhile is found', async () => {
    const table = await createArticles();
    const id = await addJob(db, { table });
    await finished(id);
    await db.pool.query('update jobs set canceled_at = now() where id = $1', [id]);
    await eventually(async () => {
      const { rows } = await db.pool.query('select state from lamplighter.embedding_job where job_id = $1', [id]);
      expect(rows).toEqual([{ state: 'canceled' }]);
    });
    await db.pool.query(`update ${table} set body = 'while cancelled' where id = 1`);
    await db.pool.query('update jobs set canceled_at = null where id = $1', [id]);
    await complete(table);
  });

  test('is deleted: the vectors stay, and nothing is captured any more', async () => {
    const table = await createArticles();
    const id = await addJob(db, { table });
    await finished(id);
    await db.pool.query('delete from jobs where id = $1', [id]);
    await eventually(async () => {
      const { rows } = await db.pool.query('select tgname from pg_trigger where tgrelid = $1::regclass', [table]);
      expect(rows).toEqual([]);
    });
    expect(await findVectorFaults(db, table)).toEqual(NO_FAULTS);
  });

  test('gets another model: every row is embedded again', async () => {
    const table = await createArticles();
    const id = await addJob(db, { table });
    await finished(id);
    await complete(table);
    const before = asked(table);
    await db.pool.query("update jobs set embedding_model = 'test/another' where id = $1", [id]);
    await eventually(async () => expect(asked(table)).toBe(before + 5));
    await complete(table, 'test/another');
  });

  test('names the model before as long as a row may have its vector', async () => {
    const table = await createArticles();
    const id = await addJob(db, { table });
    await finished(id);
    await complete(table);
    const models = async () => {
      const { rows } = await db.pool.query(
        'select model, former_model from lamplighter.embedding_status where job_id = $1',
        [id],
      );
      return rows;
    };
    const [first] = await models();
    expect(first).toEqual({ model: expect.any(String), former_model: null });
    await withSession(db.uri, async (user) => {
      await user.query(`begin; select from ${table} where id = 1 for update`);
      await db.pool.query("update jobs set embedding_model = 'test/another' where id = $1", [id]);
      await eventually(async () =>
        expect(await findVectorFaults(db, table, 'test/another')).toMatchObject({ stale: ['1'] }),
      );
      expect(await models()).toEqual([{ model: 'test/another', former_model: first.model }]);
      await user.query('commit');
    });
    await complete(table, 'test/another');
    await eventually(async () => expect(await models()).toEqual([{ model: 'test/another', former_model: null }]));
  });

  test('with a label is left to the daemon of that label', async () => {
    const table = await createArticles();
    const id = await addJob(db, { table, label: 'gpu' });
    const other = await createArticles();
    await finished(await addJob(db, { table: other }));
    expect(await marksOf(id)).toMatchObject({ started: false });
    await using _gpu = await startTestDaemon({ uri: db.uri, label: 'gpu' });
    await finished(id);
  });
});

describe('from then on', () => {
  let table: string;
  beforeAll(async () => {
    table = await createArticles();
    await finished(await addJob(db, { table }));
  });

  test('an inserted row and a changed text are embedded', async () => {
    await db.pool.query(`insert into ${table} (id, body) values (100, 'inserted')`);
    await db.pool.query(`update ${table} set body = 'changed' where id = 1`);
    await complete(table);
  });

  test('an update that leaves the text as it is calls no model', async () => {
    const before = running.calls.items;
    await db.pool.query(`update ${table} set views = views + 1, body = body`);
    await db.pool.query(`insert into ${table} (id, body) values (101, 'after it')`);
    await complete(table);
    expect(running.calls.items).toBe(before + 1);
  });

  test.each(['null', "''", "E' \\t\\n'"])('a text set to %s loses its vector', async (text) => {
    await db.pool.query(`update ${table} set body = 'there again' where id = 2`);
    await complete(table);
    await db.pool.query(`update ${table} set body = ${text} where id = 2`);
    await complete(table);
  });

  test('rows with equal texts are asked for once', async () => {
    await db.pool.query(`insert into ${table} (id, body) select n, 'equal texts' from generate_series(200, 299) as n`);
    await complete(table);
    expect(asked('equal texts')).toBe(1);
  });

  test('a changed key is followed', async () => {
    await db.pool.query(`update ${table} set id = 1001, body = 'under another key' where id = 1`);
    await complete(table);
  });
});

describe('what cannot be done is told in the row', () => {
  test.each<[Record<string, unknown>, RegExp]>([
    [{ table: 'nowhere' }, /nowhere/],
    [{ table: 'jobs', src_column: 'none' }, /none/],
    [{ table: 'pg_authid', schema: 'pg_catalog' }, /pg_catalog|system/i],
    [{ table: 'embedding_job', schema: 'lamplighter', src_column: 'model' }, /lamplighter/],
    [{ table: 'jobs', src_column: 'schema', embedding_model: 'none/such' }, /Model "none\/such" not found/],
    [{ table: 'jobs', src_column: 'schema', db_connection: 'env:PATH' }, /LAMPLIGHTER_DB_/],
    [
      { table: 'jobs', src_column: 'schema', db_connection: 'postgresql://x:secret@evil.example/y' },
      /evil\.example.*--allow-host/,
    ],
    [{ table: "x'; drop table jobs; --" }, /drop table/],
    [{ table: 'jobs', src_column: 'schema', batch_size: -1 }, /batch_size/],
  ])('%j', async (columns, reason) => {
    const id = await addJob(db, columns);
    await failed(id, reason);
    expect((await marksOf(id)).reason).not.toContain('secret');
    await db.pool.query('delete from jobs where id = $1', [id]);
  });

  test('and goes as soon as the row is mended', async () => {
    const table = await createArticles();
    const id = await addJob(db, { table, src_column: 'boby' });
    await failed(id, /boby/);
    await db.pool.query("update jobs set src_column = 'body' where id = $1", [id]);
    await finished(id);
  });

  test('a second job for the same column names the first', async () => {
    const table = await createArticles();
    const first = await addJob(db, { table });
    await finished(first);
    const second = await addJob(db, { table });
    await failed(second, new RegExp(`${first}`));
    await db.pool.query('delete from jobs where id = $1', [second]);
    await db.pool.query(`insert into ${table} (id, body) values (50, 'goes on')`);
    await complete(table);
  });
});

describe('faults of texts and models', () => {
  test('of a thousand rows the one that the model cannot take fails alone, and little more is asked', async () => {
    const table = await createArticles(1_000);
    await db.pool.query(`update ${table} set body = '${table} !throw' where id = 500`);
    const before = running.calls.calls;
    const id = await addJob(db, { table });
    await finished(id);
    await eventually(
      async () => {
        const { rows } = await db.pool.query(
          'select key, is_final, attempts from lamplighter.embedding_failures where table_name = $1',
          [table],
        );
        expect(rows).toEqual([{ key: '{500}', is_final: true, attempts: 5 }]);
      },
      { timeoutMs: 20_000 },
    );
    const faults = await db.pool.query(`select count(*)::int as missing from ${table} where embedding is null`);
    expect(faults.rows).toEqual([{ missing: 1 }]);
    // 63 calls of 16 texts, at most 2 log2(16) more to find it, and one for each later try.
    expect(running.calls.calls - before).toBeLessThanOrEqual(63 + 8 + 4 + 4);
  }, 60_000);

  test('a model that is unavailable is charged to no row', async () => {
    const table = await createArticles();
    const id = await addJob(db, { table });
    await finished(id);
    await db.pool.query(`update ${table} set body = 'away !unavailable-times:2' where id = 1`);
    await complete(table);
    const { rows } = await db.pool.query('select key from lamplighter.embedding_failures where table_name = $1', [
      table,
    ]);
    expect(rows).toEqual([]);
  });

  test('vectors of another length park the job, and the old ones stay', async () => {
    const table = await createArticles();
    const id = await addJob(db, { table });
    await finished(id);
    await db.pool.query(`update ${table} set body = body || ' !wrong-dimension'`);
    await failed(id, /dimensions/);
    const { rows } = await db.pool.query(`select count(embedding)::int as vectors from ${table}`);
    expect(rows).toEqual([{ vectors: 5 }]);
  });
});

test('nothing was logged as an error', () => {
  expect(running.lines().filter(({ level }) => level >= 50)).toEqual([]);
});
