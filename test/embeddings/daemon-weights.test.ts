import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cosine } from '../models/onnx-fixtures.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { hasWeights, titled } from '../support/real-weights.ts';
import { addJob, DOCUMENTED_TABLE, startTestDaemon, type TestDaemon } from '../support/test-daemon.ts';
import { createRealModel, FOLDER, MODEL, readRealReference } from './real-model.ts';

describe.skipIf(!hasWeights)(titled('real weights through the daemon'), () => {
  const { texts } = readRealReference();
  let db: TestDatabase;
  const { registry, provider } = createRealModel();
  let running: TestDaemon;
  beforeAll(async () => {
    db = await createTestDatabase();
    await db.pool.query(DOCUMENTED_TABLE);
    await db.pool.query(`create domain note as text; create domain whole as note;
      do $$ begin create extension citext; exception when others then null; end $$`);
    running = await startTestDaemon({ uri: db.uri, providers: [provider] });
  }, 60_000);
  afterAll(async () => {
    await running[Symbol.asyncDispose]();
    await registry.close();
    await db[Symbol.asyncDispose]();
  }, 60_000);

  it.for([
    ['text', 'body text', 'body'],
    ['varchar', 'body varchar(20000)', 'body'],
    ['citext', 'body citext', 'body'],
    ['a domain over a domain over text', 'body whole', 'body'],
    ['a stored generated column', 'body text, copy text generated always as (body) stored', 'copy'],
  ] as const)(
    'vectors of a source of %s are those of the reference',
    { timeout: 120_000 },
    async ([type, columns, source], { skip }) => {
      if (type === 'citext') {
        const { rows } = await db.pool.query(`select from pg_extension where extname = 'citext'`);
        if (rows.length === 0) skip('SKIPPED: this server has no citext');
      }
      const table = `of_${type.replaceAll(/\W/g, '_')}`;
      await db.pool.query(`create table ${table} (id integer primary key, ${columns})`);
      await db.pool.query(
        `insert into ${table} (id, body) select n, t from unnest($1::text[]) with ordinality as u (t, n)`,
        [texts.map(({ text }) => text)],
      );
      await finish(await addJob(db, { table, src_column: source, embedding_model: MODEL }));
      const given = await vectorsOf(table);
      expect(given).toHaveLength(texts.length);
      for (const [at, { text, vector }] of texts.entries()) {
        expect(cosine(given[at] ?? [], vector), text).toBeGreaterThan(0.999999);
      }
    },
  );

  it.each(['json', 'jsonb'])(
    'a source of %s is embedded as its text',
    async (type) => {
      const table = `of_${type}`;
      const values = [{ title: 'A lamp', pages: [1, 2, 3] }, 'a string with "quotes"', ['one', null, 2.5]];
      await db.pool.query(`create table ${table} (id integer primary key, body ${type})`);
      await db.pool.query(
        `insert into ${table} select n, t::${type} from unnest($1::text[]) with ordinality as u (t, n)`,
        [values.map((value) => JSON.stringify(value))],
      );
      await finish(await addJob(db, { table, embedding_model: MODEL }));
      const { rows } = await db.pool.query<{ text: string }>(`select body::text as text from ${table} order by id`);
      const { signal } = new AbortController();
      const outcomes = await (await registry.load(FOLDER, signal)).embed(
        rows.map(({ text }) => text),
        signal,
      );
      const wanted = outcomes.map((outcome) => (outcome.ok ? [...outcome.value] : []));
      expect((await vectorsOf(table)).map((vector) => [...Float32Array.from(vector)])).toEqual(wanted);
    },
    120_000,
  );

  async function vectorsOf(table: string): Promise<number[][]> {
    const { rows } = await db.pool.query<{ embedding: number[] | null }>(`select embedding from ${table} order by id`);
    return rows.map(({ embedding }) => embedding ?? []);
  }

  function finish(id: string): Promise<void> {
    return eventually(
      async () => {
        const { rows } = await db.pool.query(
          'select init_finished_at is not null as finished, init_failure_reason as reason from jobs where id = $1',
          [id],
        );
        expect(rows).toEqual([{ finished: true, reason: null }]);
      },
      { timeoutMs: 60_000 },
    );
  }
});
