import { afterAll, describe, expect, test } from 'vitest';
import { compileSchema } from '../../src/models/grammar/schema/compile-schema.ts';
import type { JsonSchema, JsonValue } from '../../src/models/json-value.ts';
import { startCpuTimer } from '../support/cpu-time.ts';
import { acceptorOf, closeEngine } from './accepts.ts';
import { compiled } from './compiled.ts';

afterAll(closeEngine);

/** Far more than any of these takes; a machine under load is no failure. */
const BRIEFLY_MS = 10_000;

function refusal(schema: JsonSchema): string | undefined {
  const result = compileSchema(schema);
  return 'refusal' in result ? result.refusal : undefined;
}

describe('what cannot be enforced is refused by name and place', () => {
  test.each<[JsonSchema, string]>([
    [
      { properties: { a: { unevaluatedProperties: false } } },
      'Schema keyword "unevaluatedProperties" at /properties/a is not supported',
    ],
    [{ unevaluatedItems: false }, 'Schema keyword "unevaluatedItems" at the root is not supported'],
    [{ $dynamicRef: '#a' }, 'Schema keyword "$dynamicRef" at the root is not supported'],
    [{ items: { $id: 'https://example.com/b' } }, 'Schema keyword "$id" at /items is not supported'],
    [{ minLenght: 3 }, 'Schema keyword "minLenght" at the root is not known (did you mean "minLength"?)'],
    [{ type: 'string', nullable: 'yes' }, 'Schema keyword "nullable" at the root is not known'],
    [{ format: 3 }, 'Schema keyword "format" at the root must be a text'],
    [{ type: 'text' }, 'Schema type "text" at the root is not known'],
    [{ type: [] }, 'Schema keyword "type" at the root must not be empty'],
    [{ enum: [] }, 'Schema keyword "enum" at the root must not be empty'],
    [{ anyOf: [] }, 'Schema keyword "anyOf" at the root must not be empty'],
    [
      { properties: { 'a/b': { minLength: -1 } } },
      'Schema keyword "minLength" at /properties/a~1b must be a non-negative integer',
    ],
    [{ exclusiveMinimum: 'a' }, 'Schema keyword "exclusiveMinimum" at the root must be a number'],
    [{ required: 'a' }, 'Schema keyword "required" at the root must be an array of texts'],
    [{ items: { allOf: [1] } }, 'Schema at /items/allOf/0 must be an object, true or false'],
    [{ multipleOf: 0 }, 'Schema keyword "multipleOf" at the root must be greater than 0'],
    [
      { $ref: 'https://example.com/other.json' },
      'Schema reference "https://example.com/other.json" at the root leaves the document; only "#..." is supported',
    ],
    [{ $ref: '#/$defs/none' }, 'Schema reference "#/$defs/none" at the root leads nowhere'],
    [{ $ref: '#/$defs/__proto__' }, 'Schema reference "#/$defs/__proto__" at the root leads nowhere'],
    [{ properties: JSON.parse('{"__proto__": {}}') }, 'Schema property "__proto__" at the root is not supported'],
    [
      { items: { pattern: '(a)\\1' } },
      'Pattern not supported: a backreference at position 4: write out what it may repeat (schema keyword "pattern" at /items)',
    ],
  ])('%j', (schema, message) => {
    expect(refusal(schema)).toBe(message);
  });

  test('a definition that nothing refers to is not looked at', () => {
    expect(refusal({ type: 'integer', $defs: { a: { unevaluatedItems: false } } })).toBeUndefined();
  });
});

describe('what no value can meet is refused', () => {
  const never = 'No value at all is valid under the schema: ';
  test.each<[JsonSchema, string]>([
    [false, 'nothing fits the schema at the root'],
    [{ type: 'integer', minimum: 5, maximum: 4 }, 'nothing fits the schema at the root'],
    [{ type: 'integer', exclusiveMinimum: 1, exclusiveMaximum: 2 }, 'nothing fits the schema at the root'],
    [{ type: 'number', minimum: 1, exclusiveMaximum: 1 }, 'nothing fits the schema at the root'],
    [{ type: 'string', minLength: 3, maxLength: 2 }, 'nothing fits the schema at the root'],
    [{ type: 'string', pattern: '^a$', minLength: 2 }, 'nothing fits the schema at the root'],
    [{ type: 'string', enum: [1, null] }, 'nothing fits the schema at the root'],
    [{ allOf: [{ type: 'string' }, { type: 'integer' }] }, 'nothing fits the schema at the root'],
    [{ type: 'array', minItems: 2, maxItems: 1 }, 'nothing fits the schema at the root'],
    [
      { type: 'object', properties: { a: { type: 'integer', enum: ['x'] } }, required: ['a'] },
      'nothing fits the schema at /properties/a',
    ],
    [{ type: 'object', required: ['a', 'b'], maxProperties: 1 }, 'nothing fits the schema at the root'],
    [{ const: '\0' }, 'nothing fits the schema at the root'],
    [{ not: {} }, 'nothing fits the schema at the root'],
    [
      { type: 'object', properties: { a: { $ref: '#' } }, required: ['a'] },
      'it asks for values within values without end',
    ],
    [{ type: 'array', items: { $ref: '#' }, minItems: 1 }, 'it asks for values within values without end'],
  ])('%j', (schema, reason) => {
    expect(refusal(schema)).toBe(never + reason);
  });

  test('a contradiction that a value can do without is none', () => {
    expect(refusal({ type: 'object', properties: { a: { type: 'integer', minimum: 5, maximum: 4 } } })).toBeUndefined();
    expect(refusal({ anyOf: [{ type: 'integer', minimum: 5, maximum: 4 }, { type: 'null' }] })).toBeUndefined();
  });

  test.each<[JsonSchema]>([
    [{ $ref: '#' }],
    [{ allOf: [{ $ref: '#' }] }],
    [{ anyOf: [{ type: 'string' }, { $ref: '#/$defs/b' }], $defs: { b: { $ref: '#' } } }],
    [{ if: { $ref: '#' } }],
  ])('a schema that refers to itself with nothing in between: %j', (schema) => {
    expect(refusal(schema)).toMatch(/^Schema at .* refers to itself with nothing in between$/);
  });
});

function nested(depth: number, around: (inner: JsonSchema) => JsonSchema): JsonSchema {
  let schema: JsonSchema = { type: 'null' };
  for (let level = 0; level < depth; level += 1) schema = around(schema);
  return schema;
}

function chain(length: number, link: (next: JsonSchema) => JsonSchema): JsonSchema {
  const $defs: Record<string, JsonValue> = { [`d${length}`]: { type: 'null' } };
  for (let i = 0; i < length; i += 1) $defs[`d${i}`] = link({ $ref: `#/$defs/d${i + 1}` });
  return { $ref: '#/$defs/d0', $defs };
}

const leaf = { $ref: '#/$defs/n' };

describe('a hostile schema is refused before the engine, briefly and without exhausting the stack', () => {
  test.each<[string, JsonSchema, RegExp]>([
    ['items without end', { type: 'array', minItems: 1e9 }, /"minItems" at the root must be at most 10000/],
    ['characters without end', { type: 'string', minLength: 1e9 }, /"minLength" at the root must be at most 10000/],
    ['properties without end', { minProperties: 1e9 }, /"minProperties" at the root must be at most 10000/],
    ['nesting', nested(200, (items) => ({ items })), /nested deeper than 128/],
    ['nesting far beyond the stack', nested(50_000, (items) => ({ items })), /nested deeper than 128/],
    [
      'alternatives that multiply',
      { allOf: Array.from({ length: 20 }, (_, i) => ({ anyOf: [{ minLength: i }, { maxLength: 99 + i }] })) },
      /more than 500 alternatives/,
    ],
    [
      'references that multiply',
      chain(60, (next) => ({ anyOf: [next, { allOf: [next, { minLength: 1 }] }, { maxLength: 3 }] })),
      /more than 500 alternatives|too deep a chain/,
    ],
    ['a chain of references', chain(5_000, (next) => next), /too deep a chain of references/],
    [
      'parts that combine',
      {
        type: 'object',
        allOf: Array.from({ length: 12 }, (_, i) => ({
          additionalProperties: { $ref: `#/$defs/b${i}` },
          properties: { [`k${i}`]: {} },
        })),
        $defs: Object.fromEntries(
          Array.from({ length: 12 }, (_, i) => [
            `b${i}`,
            {
              type: 'object',
              properties: { [`k${i}`]: {} },
              additionalProperties: { $ref: `#/$defs/b${(i + 1) % 12}` },
            },
          ]),
        ),
      },
      /more than 1000 different parts/,
    ],
    [
      'more properties than can be followed',
      { type: 'object', properties: Object.fromEntries(Array.from({ length: 2_000 }, (_, i) => [`property${i}`, {}])) },
      /too many different beginnings/,
    ],
    ['a name without end', { properties: { ['x'.repeat(250_000)]: {} } }, /too large to be enforced/],
    ['a pattern that repeats repetitions', { pattern: '(a{1,1000}){1,1000}' }, /Pattern too large/],
    [
      'recursion in alternatives that nothing tells apart',
      {
        ...leaf,
        $defs: {
          n: {
            anyOf: [
              { type: 'array', items: leaf },
              { type: 'array', items: { anyOf: [leaf, { type: 'string' }] } },
            ],
          },
        },
      },
      /refers to itself in alternatives that begin alike/,
    ],
    [
      'more values than can be weighed',
      { enum: Array.from({ length: 100_000 }, (_, i) => i) },
      /more than 30000 values/,
    ],
    [
      'alternatives that nothing tells apart within each other',
      chain(40, (next) => ({
        anyOf: [
          { type: 'array', items: next },
          { type: 'array', items: { anyOf: [next, { type: 'string' }] } },
        ],
      })),
      /more than 10 levels deep/,
    ],
  ])('%s', (_, schema, message) => {
    const cpuMs = startCpuTimer();
    expect(refusal(schema)).toMatch(message);
    expect(cpuMs()).toBeLessThan(BRIEFLY_MS);
  });
});

describe('a large schema that is honest is no problem', () => {
  test.each<[string, JsonSchema, JsonValue]>([
    ['upper bounds beyond reason', { type: 'array', maxItems: 1e9, items: { type: 'string', maxLength: 1e9 } }, ['a']],
    ['an integer up to the greatest double', { type: 'integer', minimum: -1e308, maximum: 1e308 }, -12],
    ['many values', { enum: Array.from({ length: 20_000 }, (_, i) => `value ${i}`) }, 'value 19999'],
    [
      'many values that another keyword thins out',
      { enum: Array.from({ length: 30_000 }, (_, i) => `value ${i}`), pattern: '7$' },
      'value 29997',
    ],
    [
      'many alternatives that begin differently',
      { anyOf: Array.from({ length: 500 }, (_, i) => ({ type: 'object', properties: { [`p${i}`]: { const: i } } })) },
      { p499: 499 },
    ],
    [
      'many names weighed by many patterns',
      {
        type: 'object',
        properties: Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`p${i}`, {}])),
        patternProperties: Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`^${i}x`, { type: 'null' }])),
      },
      { p99: 1, '99x': null },
    ],
    ['values that begin alike', { enum: Array.from({ length: 400 }, (_, i) => 'a'.repeat(i)) }, 'a'.repeat(399)],
    [
      'many properties',
      {
        type: 'object',
        properties: Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`p${i}`, { type: 'string' }])),
      },
      { p0: '', p150: 'x', other: 1 },
    ],
    ['many levels', nested(40, (items) => ({ type: 'array', items })), [[[]]]],
    ['a long prefix', { type: 'array', prefixItems: Array.from({ length: 900 }, (_, i) => ({ const: i })) }, [0, 1, 2]],
  ])('%s', async (_, schema, value) => {
    const { gbnf, problemOf } = compiled({ kind: 'json', schema });
    const text = JSON.stringify(value);
    expect([(await acceptorOf(gbnf))(text), problemOf(text)]).toEqual([true, undefined]);
  });

  test('deep recursion in alternatives that begin alike stays flat', async () => {
    const { gbnf } = compiled({
      kind: 'json',
      schema: {
        ...leaf,
        $defs: {
          n: {
            anyOf: [
              { type: 'array', items: leaf },
              { type: 'array', items: leaf, maxItems: 5 },
            ],
          },
        },
      },
    });
    const cpuMs = startCpuTimer();
    expect((await acceptorOf(gbnf))('['.repeat(200) + ']'.repeat(200))).toBe(true);
    expect(cpuMs()).toBeLessThan(BRIEFLY_MS);
  });
});

test("a user's pattern never runs in the engine of JavaScript, which some patterns hold up for ever", () => {
  const { problemOf } = compiled({ kind: 'json', schema: { type: 'string', pattern: '^(a+)+$' } });
  const cpuMs = startCpuTimer();
  expect(problemOf(`"${'a'.repeat(5_000)}b"`)).toContain('must match pattern');
  expect(cpuMs()).toBeLessThan(BRIEFLY_MS);
});

test('the same schema gives the same bytes', () => {
  const schema = {
    type: 'object',
    properties: { b: { enum: ['x', 'y'] }, a: { $ref: '#' } },
    anyOf: [{ required: ['a'] }, { required: ['b'] }],
  };
  expect(compileSchema(schema)).toMatchObject({ gbnf: compiled({ kind: 'json', schema }).gbnf });
  expect(compiled({ kind: 'json', schema }).gbnf).toMatch(/^[\n -~]+$/);
});

test('a text that is no answer says what is wrong with it', () => {
  const { problemOf } = compiled({ kind: 'json', schema: { type: 'array', items: { type: 'integer', minimum: 3 } } });
  expect(problemOf('[3,')).toBe('The model gave a text that is not JSON');
  expect(problemOf('[3,2]')).toBe('The model gave JSON that the schema does not allow: /1 must be >= 3');
  expect(problemOf(`${'['.repeat(20_000)}${']'.repeat(20_000)}`)).toBe(
    'The model gave JSON nested deeper than 500 levels',
  );
});
