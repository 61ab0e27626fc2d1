import { existsSync, readFileSync } from 'node:fs';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createProviders } from '../../src/models/create-providers.ts';
import type { ModelProvider } from '../../src/models/provider.ts';
import { createModelRegistry, type ModelRegistry } from '../../src/models/registry.ts';
import { cosine } from '../models/onnx-fixtures.ts';
import type { TestDatabase } from '../support/database.ts';
import { addJob, startTestDaemon, type TestDaemon } from '../support/test-daemon.ts';
import { createVectorDatabase, isKept, untilFinished } from './vector-scene.ts';

/** Real weights; none are part of this repository. */
const WEIGHTS =
  process.env['LAMPLIGHTER_TEST_MODELS'] ?? fileURLToPath(new URL('../../../shared/models', import.meta.url));
const hasWeights = existsSync(`${WEIGHTS}/reference`);
const title = (text: string) => (hasWeights ? text : `${text} (SKIPPED: no real weights in ${WEIGHTS})`);

interface Reference {
  readonly texts: readonly { readonly text: string; readonly vector: number[] }[];
  readonly passages: readonly string[];
  readonly questions: readonly { readonly query: string; readonly order_top3: number[] }[];
}

const MODEL = 'real/all-MiniLM-L6-v2';
const FOLDER = `${WEIGHTS}/all-MiniLM-L6-v2`;

/** A job row can name no path, so a provider gives the folder's model a name. */
function nameModel(registry: ModelRegistry): ModelProvider {
  return {
    runtime: 'real',
    list: async () => [],
    async describe({ name }) {
      if (name !== MODEL) return undefined;
      const known = await registry.describe(FOLDER);
      return known.state === 'unknown' ? undefined : known;
    },
    load: (_, signal) => registry.load(FOLDER, signal),
  };
}

describe.skipIf(!hasWeights)(title('real weights through the daemon'), () => {
  const reference: Reference = hasWeights
    ? JSON.parse(readFileSync(`${WEIGHTS}/reference/all-MiniLM-L6-v2.json`, 'utf8'))
    : { texts: [], passages: [], questions: [] };
  // Blank texts have no vector, and PostgreSQL has no text with a NUL.
  const texts = reference.texts.filter(({ text }) => text.trim() !== '' && !text.includes('\0'));
  let db: TestDatabase;
  let registry: ModelRegistry;
  let running: TestDaemon;
  beforeAll(async () => {
    db = await createVectorDatabase();
    registry = createModelRegistry({ providers: createProviders({ env: process.env, given: [FOLDER] }) });
    running = await startTestDaemon({ uri: db.uri, providers: [nameModel(registry)] });
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
      reference.passages,
    ]);
    const job = { table: 'passages', column_type: 'vector(384)', embedding_model: MODEL };
    await untilFinished(db, await addJob(db, job));
    const { signal } = new AbortController();
    const model = await registry.load(FOLDER, signal);
    const outcomes = await model.embed(
      reference.questions.map(({ query }) => query),
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
    const expected = reference.questions.map(({ order_top3 }) => order_top3);
    expect(await ask()).toEqual(expected);
    await db.pool.query('create index on passages using hnsw (embedding vector_cosine_ops)');
    expect(await ask()).toEqual(expected);
  });
});
