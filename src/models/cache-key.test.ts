import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cacheKey } from './cache-key.ts';
import { parseJson } from './json/json-text.ts';
import type { JsonSchema } from './json-value.ts';
import type { GenerateItem, ModelRequest } from './port.ts';

const model = { fingerprint: 'test 1' };

function keyOf(request: ModelRequest, fingerprint = 'test 1'): string {
  return cacheKey({ fingerprint }, request).toString('hex');
}

const embed: ModelRequest = { function: 'embed', item: 'text' };
const item: GenerateItem = { prompt: 'p', maxTokens: 512, seed: 42, output: { kind: 'plain' } };
const ranking = { query: 'q', documents: ['a', 'b'], task: 't', seed: 42 };

test('a key is 32 bytes, and the same for equal requests', () => {
  expect(cacheKey(model, embed)).toHaveLength(32);
  expect(keyOf(embed)).toBe(keyOf({ ...embed }));
});

test('the layout of keys does not change unseen', () => {
  expect(keyOf(embed)).toMatchInlineSnapshot(`"dcc1a79cd69910dbbe8521653671620a58c17d175e48f7bf5c672db7752fe36a"`);
});

test('a text that is searched with has another key than the same text that is searched', () => {
  expect(keyOf({ ...embed, isQuery: true })).not.toBe(keyOf(embed));
});

describe('each of these changes the key', () => {
  const same = keyOf({ function: 'generate', item });
  const sameRanking = keyOf({ function: 'rerank', item: ranking });
  test.each<[string, string]>([
    ['prompt', keyOf({ function: 'generate', item: { ...item, prompt: 'P' } })],
    ['max_tokens', keyOf({ function: 'generate', item: { ...item, maxTokens: 511 } })],
    ['seed', keyOf({ function: 'generate', item: { ...item, seed: 43 } })],
    ['function', keyOf({ function: 'generate_json', item })],
    ['output', keyOf({ function: 'generate', item: { ...item, output: { kind: 'json', schema: true } } })],
    ['fingerprint', keyOf({ function: 'generate', item }, 'test 2')],
  ])('%s', (_, key) => {
    expect(key).not.toBe(same);
  });
  test.each<[string, string]>([
    ['query', keyOf({ function: 'rerank', item: { ...ranking, query: 'Q' } })],
    ['task', keyOf({ function: 'rerank', item: { ...ranking, task: 'T' } })],
    ['documents', keyOf({ function: 'rerank', item: { ...ranking, documents: ['b', 'a'] } })],
    ['seed', keyOf({ function: 'rerank', item: { ...ranking, seed: 1 } })],
  ])('%s of a ranking', (_, key) => {
    expect(key).not.toBe(sameRanking);
  });
});

test('the order of keys in a schema does not change the key', () => {
  const withSchema = (schema: Record<string, string>) =>
    keyOf({ function: 'generate_json', item: { ...item, output: { kind: 'json', schema } } });
  expect(withSchema({ a: '1', b: '2' })).toBe(withSchema({ b: '2', a: '1' }));
});

test('schemas that differ beyond what a double tells apart have different keys; one number has one, however it is spelled', () => {
  const withSchema = (schema: string) =>
    keyOf({
      function: 'generate_json',
      item: { ...item, output: { kind: 'json', schema: parseJson(schema) as JsonSchema } },
    });
  expect(withSchema('{"const": 1181234567890123456}')).not.toBe(withSchema('{"const": 1181234567890123457}'));
  expect(withSchema('{"const": 1181234567890123457.0}')).toBe(withSchema('{"const": 1181234567890123457}'));
  expect(withSchema('{"const": 1.0}')).toBe(withSchema('{"const": 1}'));
});

test('texts cannot be shifted from one field to the next', () => {
  const text = fc.string({ unit: 'binary', maxLength: 3 });
  const documents = fc.array(text, { maxLength: 3 });
  const request = fc.record({ query: text, documents, task: text, seed: fc.constantFrom(1, 11) });
  fc.assert(
    fc.property(request, request, (a, b) => {
      const isSame = keyOf({ function: 'rerank', item: a }) === keyOf({ function: 'rerank', item: b });
      expect(isSame).toBe(JSON.stringify(a) === JSON.stringify(b));
    }),
    { numRuns: 2_000 },
  );
  expect(keyOf({ function: 'embed', item: '\ud800' })).not.toBe(keyOf({ function: 'embed', item: '\ud801' }));
});
