import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRealModel, FOLDER, MODEL, readRealReference } from '../embeddings/real-model.ts';
import { cosine } from '../models/onnx-fixtures.ts';
import type { TestDatabase } from '../support/database.ts';
import { hasWeights, titled } from '../support/real-weights.ts';
import { addJob, startTestDaemon, type TestDaemon } from '../support/test-daemon.ts';
import { createVectorDatabase, isKept, untilFinished } from './vector-scene.ts';

describe.skipIf(!hasWeights)(titled('real weights through the daemon'), () => {
  const { texts, passages, questions } = readRealReference();
  let db: TestDatabase;
  const { registry, provider } = createRealModel();
  let running: TestDaemon;
  beforeAll(async () => {
    db = await createVectorDatabase();
    running = await startTestDaemon({ uri: db.uri, providers: [provider] });
  }, 60_000);
  afterAll(async () => {
    await running[Symbol.asyncDispose]();
    await registry.close();
    await db[Symbol.asyncDispose]();
  }, 60_000);

  it.each([
    ['real[]', 'reals'],
    ['vector', 'vectors'],
    ['halfvec', 'halves'],
  ] as const)('vectors in a column of %s are those of the reference', async (type, table) => {
    await db.pool.query(`create table ${table} (id integer primary key, body text)`);
    await db.pool.query(`insert into ${table} select n, t from unnest($1::text[]) with ordinality as u (t, n)`, [
      texts.map(({ text }) => text),
    ]);
    const columnType = type === 'real[]' ? 'REAL[]' : `${type}(384)`;
    await untilFinished(db, await addJob(db, { table, column_type: columnType, embedding_model: MODEL }));
    const { rows } = await db.pool.query<{ vector: number[] | null }>(
      `select embedding::real[] as vector from ${table} order by id`,
    );
    expect(rows).toHaveLength(texts.length);
    for (const [at, { text, vector }] of texts.entries()) {
      const given = rows[at]?.vector ?? [];
      expect(cosine(given, vector), text).toBeGreaterThan(type === 'halfvec' ? 0.99999 : 0.999999);
      if (type === 'halfvec') continue;
      expect(
        given.every((value, n) => Math.abs(value - (vector[n] ?? 0)) < 1e-4),
        text,
      ).toBe(true);
    }
  });

  it('a halfvec column has the numbers of the vector column, within what it keeps', async () => {
    const { rows } = await db.pool.query<{ half: number[]; full: number[] }>(
      `select h.embedding::real[] as half, v.embedding::real[] as full from halves as h join vectors as v using (id)`,
    );
    expect(rows).toHaveLength(texts.length);
    for (const { half, full } of rows) {
      expect(half.every((value, at) => isKept(value, full[at] ?? 0, 'halfvec'))).toBe(true);
    }
  });

  it('a query by similarity orders the passages as the model does, with and without an index', async () => {
    await db.pool.query('create table passages (id integer primary key, body text)');
    await db.pool.query(`insert into passages select n - 1, t from unnest($1::text[]) with ordinality as u (t, n)`, [
      passages,
    ]);
    const job = { table: 'passages', column_type: 'vector(384)', embedding_model: MODEL };
    await untilFinished(db, await addJob(db, job));
    const { signal } = new AbortController();
    const model = await registry.load(FOLDER, signal);
    const outcomes = await model.embed(
      questions.map(({ query }) => query),
      signal,
    );
    const ask = async () => {
      const found: number[][] = [];
      for (const outcome of outcomes) {
        const literal = outcome.ok ? `[${outcome.value.join(',')}]` : '';
        const { rows } = await db.pool.query<{ id: number }>(
          'select id from passages order by embedding <=> $1 limit 3',
          [literal],
        );
        found.push(rows.map(({ id }) => id));
      }
      return found;
    };
    const expected = questions.map(({ order_top3 }) => order_top3);
    expect(await ask()).toEqual(expected);
    await db.pool.query('create index on passages using hnsw (embedding vector_cosine_ops)');
    expect(await ask()).toEqual(expected);
  });
});
