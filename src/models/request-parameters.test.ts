import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { REQUEST_FUNCTIONS, type RequestFunction } from '../core/request-functions.ts';
import { parseJson, writeJson } from './json/json-text.ts';
import type { JsonSchema } from './json-value.ts';
import type { GenerateItem, ModelRequest } from './port.ts';
import { cacheKey, parseRequest as parseText } from './request-parameters.ts';

const parseRequest = (fn: RequestFunction, parameters: unknown) => parseText(fn, JSON.stringify(parameters));

function messageOf(fn: RequestFunction, parameters: unknown): string {
  const outcome = parseRequest(fn, parameters);
  if (outcome.ok) throw new Error('expected a refusal');
  expect(outcome.error.kind).toBe('invalid');
  return outcome.error.message;
}

test('a full row becomes the request that a model takes', () => {
  const shared = { prompt: 'p', max_tokens: 9, seed: 0, use_cache: false };
  const item = { prompt: 'p', maxTokens: 9, seed: 0 };
  expect(parseRequest('generate', shared)).toEqual({
    ok: true,
    value: { request: { function: 'generate', item: { ...item, output: { kind: 'plain' } } }, useCache: false },
  });
  expect(parseRequest('generate_json', { ...shared, schema: { type: 'null' } })).toMatchObject({
    value: { request: { function: 'generate_json', item: { output: { kind: 'json', schema: { type: 'null' } } } } },
  });
  expect(parseRequest('generate_json', { ...shared, schema: false })).toMatchObject({
    value: { request: { item: { output: { kind: 'json', schema: false } } } },
  });
  expect(parseRequest('generate_regex', { ...shared, pattern: 'a+' })).toMatchObject({
    value: { request: { function: 'generate_regex', item: { output: { kind: 'regex', pattern: 'a+' } } } },
  });
  expect(parseRequest('generate_choice', { ...shared, choices: ['a', 'b'] })).toMatchObject({
    value: { request: { function: 'generate_choice', item: { output: { kind: 'choice', choices: ['a', 'b'] } } } },
  });
  expect(parseRequest('rerank', { query: 'q', documents: ['d', ''], task: 't', seed: 1 })).toEqual({
    ok: true,
    value: {
      request: { function: 'rerank', item: { query: 'q', documents: ['d', ''], task: 't', seed: 1 } },
      useCache: true,
    },
  });
});

test('absent and null options have the documented defaults, and unknown keys are ignored', () => {
  expect(parseRequest('embed', { text_input: 't', use_cache: null, other: 1 })).toEqual({
    ok: true,
    value: { request: { function: 'embed', item: 't' }, useCache: true },
  });
  expect(parseRequest('generate', { prompt: 'p', seed: null })).toMatchObject({
    value: { request: { item: { maxTokens: 512, seed: 42 } } },
  });
  expect(parseRequest('rerank', { query: 'q', documents: ['d'] })).toMatchObject({
    value: {
      request: {
        item: { task: 'Given a web search query, retrieve relevant passages that answer the query', seed: 42 },
      },
    },
  });
});

describe('messages', () => {
  const generate = { prompt: 'p' };
  test.each<[RequestFunction, unknown, string]>([
    ['generate', { prompt: null }, 'Prompt cannot be empty'],
    ['generate', {}, 'Prompt cannot be empty'],
    ['generate', { prompt: ' \n' }, 'Prompt cannot be empty'],
    ['generate', { prompt: 5 }, 'Prompt cannot be empty'],
    ['generate', { ...generate, max_tokens: 0 }, 'max_tokens must be between 1 and 4096'],
    ['generate', { ...generate, max_tokens: 4097 }, 'max_tokens must be between 1 and 4096'],
    ['generate', { ...generate, max_tokens: null }, 'max_tokens must be between 1 and 4096'],
    ['generate', { ...generate, max_tokens: '5' }, 'max_tokens must be between 1 and 4096'],
    ['generate', { ...generate, max_tokens: 1.5 }, 'max_tokens must be between 1 and 4096'],
    ['generate', { ...generate, seed: -1 }, 'Seed must be a non-negative integer'],
    ['generate', { ...generate, seed: 2 ** 31 }, 'Seed must be a non-negative integer'],
    ['generate', { ...generate, seed: 'x' }, 'Seed must be a non-negative integer'],
    ['generate', { ...generate, use_cache: 'yes' }, 'use_cache must be true or false'],
    ['embed', { text_input: '' }, 'Text input cannot be empty'],
    ['embed', { text_input: 't', input_type: 'both' }, 'input_type must be document or query'],
    ['embed', {}, 'Text input cannot be empty'],
    ['embed', null, 'parameters must be a JSON object'],
    ['embed', [], 'parameters must be a JSON object'],
    ['embed', 'text', 'parameters must be a JSON object'],
    ['generate_json', generate, 'Schema cannot be null'],
    ['generate_json', { ...generate, schema: null }, 'Schema cannot be null'],
    ['generate_json', { ...generate, schema: [] }, 'Schema must be a JSON object or boolean'],
    ['generate_json', { ...generate, schema: 'true' }, 'Schema must be a JSON object or boolean'],
    ['generate_regex', { ...generate, pattern: ' ' }, 'Pattern cannot be empty'],
    ['generate_choice', generate, 'Must provide at least 2 choices'],
    ['generate_choice', { ...generate, choices: ['a'] }, 'Must provide at least 2 choices'],
    ['generate_choice', { ...generate, choices: { 0: 'a', 1: 'b' } }, 'Must provide at least 2 choices'],
    ['generate_choice', { ...generate, choices: ['a', null] }, 'Choices cannot contain nulls, blanks or duplicates'],
    ['generate_choice', { ...generate, choices: ['a', ' '] }, 'Choices cannot contain nulls, blanks or duplicates'],
    ['generate_choice', { ...generate, choices: ['a', 'a'] }, 'Choices cannot contain nulls, blanks or duplicates'],
    ['rerank', { documents: ['d'] }, 'Query cannot be empty'],
    ['rerank', { query: 'q' }, 'Documents cannot be empty or contain nulls'],
    ['rerank', { query: 'q', documents: [] }, 'Documents cannot be empty or contain nulls'],
    ['rerank', { query: 'q', documents: ['d', null] }, 'Documents cannot be empty or contain nulls'],
    ['rerank', { query: 'q', documents: ['d'], task: 1 }, 'task must be a text'],
  ])('%s with %j: %s', (fn, parameters, message) => {
    expect(messageOf(fn, parameters)).toBe(message);
  });

  test.each(['-1e400', '1181234567890123457', '0.10000000000000000001'])(
    'a number that no double holds, %s, is neither a schema nor parameters',
    (number) => {
      expect(parseText('generate_json', `{"prompt": "p", "schema": ${number}}`)).toMatchObject({
        error: { message: 'Schema must be a JSON object or boolean' },
      });
      for (const fn of REQUEST_FUNCTIONS)
        expect(parseText(fn, number)).toMatchObject({ error: { message: 'parameters must be a JSON object' } });
    },
  );

  test('a schema nested beyond all reason', () => {
    const schema = `${'{"not":'.repeat(6_000)}true${'}'.repeat(6_000)}`;
    expect(parseText('generate_json', `{"prompt": "p", "schema": ${schema}}`)).toMatchObject({
      error: { kind: 'invalid', message: expect.stringMatching(/nested deeper than 128/) },
    });
  });
});

test('the numbers of a schema are those of the text', () => {
  const schema = '{"enum": [1181234567890123456, 1181234567890123457, 0.5], "maximum": 1e400}';
  const request = parseText('generate_json', `{"prompt": "p", "schema": ${schema}}`);
  if (!request.ok || request.value.request.function !== 'generate_json') throw new Error('expected a request');
  const { output } = request.value.request.item;
  expect(output.kind === 'json' && writeJson(output.schema)).toBe(schema.replaceAll(' ', ''));
});

test('whatever a row holds, it is parsed or refused with a message', () => {
  const key = fc.constantFrom('prompt', 'max_tokens', 'seed', 'schema', 'choices', 'text_input', 'query', 'documents');
  const row = fc.oneof(fc.jsonValue(), fc.dictionary(key, fc.jsonValue()));
  fc.assert(
    fc.property(fc.constantFrom(...REQUEST_FUNCTIONS), row, (fn, parameters) => {
      const outcome = parseRequest(fn, parameters);
      expect(outcome.ok || outcome.error.message !== '').toBe(true);
    }),
    { numRuns: 2_000 },
  );
});

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
