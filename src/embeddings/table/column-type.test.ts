import { expect, test } from 'vitest';
import { parseColumnType } from './column-type.ts';

test.each([
  ['REAL[]', 'pg_catalog.float4[]', ''],
  ['float4 []', 'pg_catalog.float4[]', ''],
  ['vector(3)', '"ext".vector(3)', '::"ext".vector(3)'],
  ['public.HALFVEC ( 3 )', '"ext".halfvec(3)', '::"ext".halfvec(3)'],
  ['vector', '"ext".vector(3)', '::"ext".vector(3)'],
])('%s becomes %s', (text, definition, cast) => {
  expect(parseColumnType(text, 3, 'ext')).toEqual({ definition, cast });
});

test.each([
  ['text', 'The column type text cannot hold vectors'],
  ['real[]; drop table t', 'The column type real[]; drop table t cannot hold vectors'],
  ['vector(4)', "The column type vector(4) does not fit: the model's vectors have 3 dimensions"],
])('%s is refused', (text, message) => {
  expect(() => parseColumnType(text, 3, 'ext')).toThrow(message);
});

test('a type of pgvector needs pgvector', () => {
  expect(() => parseColumnType('vector(3)', 3, undefined)).toThrow('pgvector is not installed');
});
