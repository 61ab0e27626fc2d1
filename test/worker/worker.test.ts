import { afterAll, beforeAll, expect, test } from 'vitest';
import { createWorker } from '../../src/worker/create-worker.ts';
import type { Worker } from '../../src/worker/worker.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

let db: TestDatabase;
let worker: Worker;
beforeAll(async () => {
  db = await createTestDatabase();
  worker = await createWorker({ uri: db.uri });
});
afterAll(async () => {
  await worker.stop();
  await db[Symbol.asyncDispose]();
});

async function one<T extends object>(sql: string, params: unknown[] = []): Promise<T> {
  const { rows } = await db.pool.query<T>(sql, params);
  const [row] = rows;
  if (row === undefined) throw new Error('expected a row');
  return row;
}

test('an embed request is answered with a normalised vector that casts to real[]', async () => {
  const { id } = await one<{ id: string }>("select steadytext_embed_async('a lamp in the dark') as id");
  const { result } = await one<{ result: string }>('select steadytext_get_async_result($1, 10) as result', [id]);
  const vector = JSON.parse(result) as number[];
  expect(vector).toHaveLength(384);
  expect(Math.hypot(...vector)).toBeCloseTo(1, 5);
  const { v } = await one<{ v: number[] }>('select steadytext_embedding($1) as v', [id]);
  expect(v).toEqual(vector);
});

test('a generate request stays pending, and waiting for it says that nobody serves it', async () => {
  const { id } = await one<{ id: string }>("select steadytext_generate_async('hello') as id");
  await expect(db.pool.query('select steadytext_get_async_result($1, 0)', [id])).rejects.toMatchObject({
    message: 'Timeout waiting for async result (0 seconds)',
    hint: 'No running worker serves generate; start one with: lamplighter worker.',
  });
});

test('a rerank request answers with documents and scores, best first', async () => {
  const { id } = await one<{ id: string }>(
    "select steadytext_rerank_async('red apple', array['blue car', 'a red apple']) as id",
  );
  const { result } = await one<{ result: string }>('select steadytext_get_async_result($1, 10) as result', [id]);
  const ranking = JSON.parse(result) as [string, number][];
  expect(ranking.map(([document]) => document)).toEqual(['a red apple', 'blue car']);
});
