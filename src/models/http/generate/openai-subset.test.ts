import { expect, it } from 'vitest';
import type { JsonSchema } from '../../json-value.ts';
import { isStrictSubset } from './openai-subset.ts';

const object = (
  properties: Record<string, JsonSchema>,
  more: Record<string, JsonSchema | string[]> = {},
): JsonSchema => ({
  type: 'object',
  properties,
  required: Object.keys(properties),
  additionalProperties: false,
  ...more,
});
const text = { type: 'string' };

it.each<[string, JsonSchema]>([
  ['an object that requires all it names', object({ a: text, b: { type: ['integer', 'null'] } })],
  ['objects in lists', object({ a: { type: 'array', items: object({ b: text }), minItems: 1 } })],
  ['alternatives below the root', object({ a: { anyOf: [text, object({ b: { enum: [1, 2] } })] } })],
  [
    'a definition that refers to itself',
    { ...(object({ next: { anyOf: [{ $ref: '#' }, { type: 'null' }] } }) as object) },
  ],
  [
    'a known format, a pattern and bounds',
    object({ a: { type: 'string', format: 'date', pattern: '^a' }, n: { type: 'number', minimum: 0 } }),
  ],
  ['a wish for an order', object({ a: text, b: text }, { propertyOrdering: ['b', 'a'] })],
])('%s is enforced by OpenAI', (_what, schema) => {
  expect(isStrictSubset(schema)).toBe(true);
});

it.each<[string, JsonSchema]>([
  ['true', true],
  ['anything', {}],
  ['a list at the root', { type: 'array', items: text }],
  ['alternatives at the root', { ...(object({ a: text }) as object), anyOf: [text] }],
  ['a property that is not required', object({ a: text }, { required: [] })],
  ['open objects', object({ a: text }, { additionalProperties: true })],
  ['objects that say nothing of others', { type: 'object', properties: { a: text }, required: ['a'] }],
  ['an open object below', object({ a: { type: 'object' } })],
  ['allOf', object({ a: { type: 'string', allOf: [text] } })],
  ['minLength', object({ a: { type: 'string', minLength: 1 } })],
  ['uniqueItems', object({ a: { type: 'array', items: text, uniqueItems: true } })],
  ['an unknown format', object({ a: { type: 'string', format: 'uri' } })],
  ['a property without a type', object({ a: {} })],
  ['a list without items', object({ a: { type: 'array' } })],
])('%s is not', (_what, schema) => {
  expect(isStrictSubset(schema)).toBe(false);
});
