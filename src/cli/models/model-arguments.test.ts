import { expect, test } from 'vitest';
import { LOCAL_MODELS } from '../../models/catalogue/local-models.ts';
import { findSpec } from './model-arguments.ts';

test('a name of the catalogue is found', () => {
  expect(findSpec('BAAI/bge-m3').source.repo).toBe('BAAI/bge-m3');
});

test.each([
  ['x', /^Model "x" not found\. Known models: microsoft\/all-MiniLM-L12-v2, /],
  ['baai/bge-m33', /not found \(did you mean "BAAI\/bge-m3"\?\)\. Known models: /],
  ['openai/text-embedding-3-small', /has no files to fetch: it is called over the network$/],
  ['builtin/lexical', /has no files to fetch: it is part of the program$/],
  ['__proto__', /not found/],
])('%s is bad usage', (name, message) => {
  expect(() => findSpec(name)).toThrow(
    expect.objectContaining({ code: 'USAGE', message: expect.stringMatching(message) }),
  );
});

test('the list of known models has all of them', () => {
  expect(() => findSpec('x')).toThrow(LOCAL_MODELS.map(({ name }) => name).join(', '));
});
