import { expect, test } from 'vitest';
import { defineModel } from './define-model.ts';
import { succeeded } from './outcome.ts';
import type { GenerateItem } from './port.ts';

const { signal } = new AbortController();
const base = { name: 'own/model', runtime: 'own', fingerprint: '1' };
const prompt: GenerateItem = { prompt: 'p', maxTokens: 1, seed: 1, output: { kind: 'plain' } };

test('the functions are those of the methods that are there', () => {
  const run = async () => [];
  expect(defineModel(base).functions).toEqual([]);
  expect(defineModel({ ...base, embed: { run } }).functions).toEqual(['embed']);
  expect(defineModel({ ...base, generate: { run, functions: ['generate_json'] } }).functions).toEqual([
    'generate_json',
  ]);
});

test('one item at a time and one call at a time, unless said otherwise', () => {
  const run = async () => [];
  const model = defineModel({ ...base, embed: { run, maxBatch: 32, dimensions: 3 }, rerank: { run } });
  expect(model.maxBatch).toMatchObject({ embed: 32, rerank: 1, generate: 1 });
  expect(model).toMatchObject({ maxConcurrency: 1, isCacheable: true, dimensions: 3 });
});

test('a batch or concurrency below one is refused', () => {
  expect(() => defineModel({ ...base, embed: { run: async () => [], maxBatch: 0 } })).toThrow(/maxBatch of embed/);
  expect(() => defineModel({ ...base, maxConcurrency: Number.NaN })).toThrow(/maxConcurrency/);
});

test('what it does not serve is invalid for each item', async () => {
  const model = defineModel({ ...base, generate: { run: async (items) => items.map(() => succeeded('text')) } });
  const refusal = { ok: false, error: { kind: 'invalid', message: 'Model "own/model" does not serve embed' } };
  expect(await model.embed(['a', 'b'], signal)).toEqual([refusal, refusal]);
  expect(await model.rerank([{ query: 'q', documents: ['d'], task: '', seed: 1 }], signal)).toMatchObject([
    { ok: false },
  ]);
  expect(await model.generate([prompt], signal)).toEqual([succeeded('text')]);
  expect(await model.generate([{ ...prompt, output: { kind: 'regex', pattern: 'a' } }], signal)).toMatchObject([
    { error: { message: 'Model "own/model" does not serve generate_regex' } },
  ]);
});

test('it is closed once', async () => {
  let closes = 0;
  const close = async () => {
    closes++;
  };
  const model = defineModel({ ...base, close });
  await Promise.all([model.close(), model.close()]);
  expect(closes).toBe(1);
});
