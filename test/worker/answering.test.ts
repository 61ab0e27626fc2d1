import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import {
  embed,
  firstValue,
  generate,
  rowOf,
  rowsOf,
  untilStatus,
  untilStatusAfterRetries,
} from '../support/requests.ts';
import { startTestWorker, type TestWorker } from '../support/test-worker.ts';

let db: TestDatabase;
let tested: TestWorker;
beforeAll(async () => {
  db = await createTestDatabase();
  tested = await startTestWorker({ uri: db.uri });
});
afterAll(async () => {
  await tested[Symbol.asyncDispose]();
  await db[Symbol.asyncDispose]();
});

/** Queues with `sql` and waits as callers do. */
async function answerTo(sql: string, params: readonly unknown[] = []): Promise<string> {
  const id = await firstValue(db.pool, `select ${sql} as id`, params);
  return firstValue(db.pool, 'select steadytext_get_async_result($1, 15)', [id]);
}

/** Puts a row into the queue past the functions, as SQL of users can. */
async function insert(functionName: string, parameters: unknown): Promise<string> {
  return firstValue(
    db.pool,
    'insert into steadytext_queue (function_name, parameters) values ($1, $2) returning request_id',
    [functionName, JSON.stringify(parameters)],
  );
}

test.each([
  ['generate', `steadytext_generate_async('A lamp')`, 'A lamp'],
  [
    'generate_json',
    `steadytext_generate_json_async('A lamp', '{"type": "object"}', use_cache => false)`,
    '{"prompt":"A lamp"}',
  ],
  ['generate_regex', `steadytext_generate_regex_async('12', '\\d+')`, '12'],
  ['generate_choice', `steadytext_generate_choice_async('Which?', array['öl', 'gas'])`, 'öl'],
  [
    'rerank',
    `steadytext_rerank_async('oil lamp', array['gas', 'an oil lamp', 'oil'])`,
    '[["an oil lamp", 1], ["oil", 0.5], ["gas", 0]]',
  ],
])('%s is answered', async (_, sql, answer) => {
  expect(await answerTo(sql)).toBe(answer);
});

test('embed is answered with a vector that reads as JSON and as real[]', async () => {
  const [id = ''] = await embed(db.pool, ['a lamp']);
  await untilStatus(db.pool, [id], 'completed');
  const { result } = await rowOf(db.pool, id);
  const vector: number[] = JSON.parse(result ?? '');
  expect(Math.hypot(...vector)).toBeCloseTo(1, 6);
  expect(await firstValue(db.pool, 'select steadytext_embedding($1)', [id])).toEqual(vector);
});

test('an answered request tells when it ran, and by which worker', async () => {
  const id = await generate(db.pool, 'When?');
  await untilStatus(db.pool, [id], 'completed');
  const row = await rowOf(db.pool, id);
  expect(row).toMatchObject({ attempt: 1, retry_count: 0, error: null, worker_id: tested.worker.workerId });
  expect(row.failed_at).toBeNull();
  expect(row.created_at.getTime()).toBeLessThanOrEqual(row.started_at?.getTime() ?? 0);
  expect(row.started_at?.getTime()).toBeLessThanOrEqual(row.completed_at?.getTime() ?? 0);
});

test('a batch of many requests is answered in order of its ids', async () => {
  const texts = Array.from({ length: 100 }, (_, n) => `text ${n}`);
  const prompts = await firstValue<string[]>(db.pool, 'select steadytext_generate_batch_async($1)', [texts]);
  const rows = await untilStatus(db.pool, prompts, 'completed');
  expect(rows.map(({ result }) => result)).toEqual(texts);
});

test('a request that names a model of this worker is answered, one that names another stays pending', async () => {
  const other = await generate(db.pool, 'never answered here', { model: 'test/other' });
  expect(await answerTo(`steadytext_generate_async('by name', model => 'test/model')`)).toBe('by name');
  expect(await rowOf(db.pool, other)).toMatchObject({ status: 'pending', attempt: 0 });
});

test.each([
  ['generate', { prompt: '' }, 'Prompt cannot be empty'],
  ['generate', { prompt: 'p', max_tokens: 'many' }, 'max_tokens must be between 1 and 4096'],
  ['generate', {}, 'Prompt cannot be empty'],
  ['generate', { prompt: 'p', seed: -1 }, 'Seed must be a non-negative integer'],
  ['generate', { prompt: { $ne: 1 } }, 'Prompt cannot be empty'],
  ['generate', { prompt: 'p', use_cache: 'yes' }, 'use_cache must be true or false'],
  ['generate_json', { prompt: 'p', schema: [] }, 'Schema must be a JSON object or boolean'],
  ['generate_regex', { prompt: 'p' }, 'Pattern cannot be empty'],
  ['generate_choice', { prompt: 'p', choices: ['a', 'a'] }, 'Choices cannot contain nulls, blanks or duplicates'],
  ['embed', { text_input: 7 }, 'Text input cannot be empty'],
  ['rerank', { query: 'q', documents: [null] }, 'Documents cannot be empty or contain nulls'],
  ['generate', JSON.parse('{"__proto__": {"prompt": "p"}, "constructor": 1}'), 'Prompt cannot be empty'],
])('%s with parameters %j fails clearly, at once and for good', async (functionName, parameters, error) => {
  const id = await insert(functionName, parameters);
  await untilStatus(db.pool, [id], 'failed');
  const row = await rowOf(db.pool, id);
  expect(row).toMatchObject({ error, attempt: 1, retry_count: 0, result: null, completed_at: row.failed_at });
  expect(row.failed_at).not.toBeNull();
});

test('parameters nested deeper than any schema fail alone', async () => {
  const deep = `${'{"not":'.repeat(2_000)}{}${'}'.repeat(2_000)}`;
  const id = await insert('generate_json', { prompt: 'p', schema: JSON.parse(deep) });
  const neighbour = await generate(db.pool, 'neighbour of the deep one');
  await untilStatus(db.pool, [id], 'failed');
  await untilStatus(db.pool, [neighbour], 'completed');
  expect((await rowOf(db.pool, id)).error).toMatch(/^Schema cannot be nested deeper/);
});

test.each([
  ['!nan', 'The model gave a vector with a value that is not a finite number'],
  ['!wrong-dimension', 'The model gave 9 dimensions instead of 8'],
  ['!unnormalised', expect.stringMatching(/^The model gave a vector of length .* instead of 1$/)],
  ['!zero', 'The model gave a vector of length 0 instead of 1'],
  ['!wrong-count', 'The model gave 0 answers to 1 items'],
])('the wrong answer %s is charged and tried again, its neighbours are answered', async (step, error) => {
  const [wrong = '', ...neighbours] = await embed(db.pool, [`${step} x`, `beside ${step.slice(1)}`, 'y', 'z']);
  const rows = await untilStatusAfterRetries(db.pool, [wrong], 'failed');
  expect(rows).toMatchObject([{ error, attempt: 4, retry_count: 3, result: null }]);
  expect(await untilStatus(db.pool, neighbours, 'completed')).toMatchObject(
    neighbours.map(() => ({ attempt: 1, retry_count: 0, error: null })),
  );
});

test('a request that the model calls invalid fails without another try', async () => {
  const id = await generate(db.pool, '!invalid');
  await untilStatus(db.pool, [id], 'failed');
  expect(await rowOf(db.pool, id)).toMatchObject({
    attempt: 1,
    retry_count: 0,
    error: 'The test runtime was told that this is invalid',
  });
});

test('an answer with a character that PostgreSQL cannot hold fails its own request only', async () => {
  // SQL cannot carry a NUL, JSON in a prompt can name one.
  const ids = await Promise.all([
    insert('generate_json', { prompt: '!answer:"a\\u0000b"', schema: true }),
    ...Array.from({ length: 20 }, (_, n) => generate(db.pool, `beside a NUL ${n}`)),
  ]);
  const [bad = '', ...neighbours] = ids;
  await untilStatus(db.pool, neighbours, 'completed');
  const rows = await untilStatusAfterRetries(db.pool, [bad], 'failed');
  expect(rows).toMatchObject([{ error: 'The model gave JSON with a character that jsonb cannot hold', attempt: 4 }]);
});

test('results of 4 MB are stored whole, several at once', async () => {
  const prompts = ['1', '2', '3'].map((digit) => digit.repeat(4_000_000));
  const ids = await firstValue<string[]>(db.pool, 'select steadytext_generate_batch_async($1)', [prompts]);
  await untilStatus(db.pool, ids, 'completed');
  const { rows } = await db.pool.query<{ length: number; first: string }>(
    `select length(result) as length, left(result, 1) as first from steadytext_queue where request_id = any ($1) order by id`,
    [ids],
  );
  expect(rows).toEqual(['1', '2', '3'].map((first) => ({ length: 4_000_000, first })));
  await db.pool.query('delete from steadytext_queue where request_id = any ($1)', [ids]);
});

test('nothing of all this was an error of the worker, and nothing is left in flight', async () => {
  const rows = await rowsOf(db.pool, await firstValue(db.pool, 'select array_agg(request_id) from steadytext_queue'));
  expect(rows.filter(({ status }) => status === 'processing')).toEqual([]);
  expect(tested.warnings()).toEqual([]);
});
