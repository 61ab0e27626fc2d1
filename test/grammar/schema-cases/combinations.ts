import type { SchemaCase } from './schema-case.ts';

const node = { $ref: '#/$defs/node' };
const tree = {
  $defs: {
    node: {
      type: 'object',
      properties: { value: { type: 'integer' }, children: { type: 'array', items: node } },
      required: ['value'],
      additionalProperties: false,
    },
  },
};

/** `anyOf`, `oneOf`, `allOf`, `not`, `if`, `$ref`. */
export const COMBINATION_CASES: readonly SchemaCase[] = [
  {
    title: 'anyOf',
    schema: { anyOf: [{ type: 'integer' }, { minimum: 2 }] },
    valid: [1, 2.5, 3, 'a', null],
    invalid: [1.5, 0.5],
  },
  {
    title: 'anyOf of objects with a tag',
    schema: {
      anyOf: [
        {
          type: 'object',
          properties: { kind: { const: 'a' }, x: { type: 'integer' } },
          required: ['kind', 'x'],
          additionalProperties: false,
        },
        {
          type: 'object',
          properties: { kind: { const: 'b' }, y: { type: 'string' } },
          required: ['kind'],
          additionalProperties: false,
        },
      ],
    },
    valid: [{ kind: 'a', x: 1 }, { kind: 'b' }, { kind: 'b', y: '' }],
    invalid: [{ kind: 'a' }, { kind: 'a', y: '' }, { kind: 'c' }, { kind: 'b', x: 1 }, {}],
  },
  {
    title: 'anyOf of arrays',
    schema: {
      anyOf: [
        { type: 'array', items: { type: 'integer' }, maxItems: 2 },
        { type: 'array', items: { type: 'integer' }, minItems: 4 },
        { type: 'array', items: { type: 'string' } },
      ],
    },
    valid: [[], [1], [1, 2], [1, 2, 3, 4], ['a', 'b', 'c']],
    invalid: [[1, 2, 3], [1, 'a'], [null]],
  },
  {
    title: 'anyOf beside other keywords',
    schema: {
      type: 'object',
      properties: { a: { type: 'integer' }, b: { type: 'integer' } },
      additionalProperties: false,
      anyOf: [{ required: ['a'] }, { required: ['b'] }],
    },
    valid: [{ a: 1 }, { b: 1 }, { a: 1, b: 2 }],
    invalid: [{}, { a: 'x' }, { c: 1 }],
  },
  {
    title: 'oneOf that excludes each other',
    schema: { oneOf: [{ type: 'string' }, { type: 'integer' }] },
    valid: ['a', 1],
    invalid: [null, 1.5],
  },
  {
    title: 'oneOf that overlaps',
    schema: { oneOf: [{ type: 'integer' }, { minimum: 2 }] },
    valid: [1, 2.5, 'a'],
    invalid: [1.5],
    checked: [3],
  },
  {
    title: 'allOf',
    schema: { allOf: [{ type: 'integer' }, { minimum: 3 }, { maximum: 5 }] },
    valid: [3, 4, 5],
    invalid: [2, 6, 3.5, 'a'],
  },
  {
    title: 'allOf of objects',
    schema: {
      allOf: [
        { type: 'object', properties: { a: { type: 'integer' } }, required: ['a'] },
        { properties: { b: { type: 'string' }, a: { minimum: 3 } }, required: ['b'] },
      ],
    },
    valid: [
      { a: 3, b: '' },
      { a: 4, b: 'x', c: null },
    ],
    invalid: [{ a: 3 }, { b: '' }, { a: 2, b: '' }, { a: 3.5, b: '' }],
  },
  {
    title: 'allOf with additionalProperties of one part',
    schema: {
      type: 'object',
      allOf: [{ properties: { a: {} }, additionalProperties: { type: 'integer' } }, { properties: { b: {} } }],
    },
    valid: [{ a: 'x', b: 1 }, { c: 2 }],
    invalid: [{ b: 'x' }, { c: 'x' }],
  },
  {
    title: 'allOf of choices',
    schema: { allOf: [{ enum: [1, 2, 3] }, { anyOf: [{ const: 2 }, { const: 3 }] }, { not: { const: 3 } }] },
    valid: [2],
    invalid: [1, 3, 4],
  },
  {
    title: 'not of types',
    schema: { not: { type: ['string', 'number'] } },
    valid: [null, true, [], {}],
    invalid: ['a', 1, 1.5],
  },
  {
    title: 'not in general',
    schema: { type: 'integer', not: { multipleOf: 2 } },
    valid: [1, 3],
    invalid: ['a'],
    checked: [2],
  },
  {
    title: 'if, then, else',
    schema: {
      type: 'object',
      properties: { kind: { enum: ['a', 'b'] }, x: {} },
      required: ['kind'],
      additionalProperties: false,
      if: { properties: { kind: { const: 'a' } } },
      // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
      then: { required: ['x'] },
      else: { maxProperties: 1 },
    },
    valid: [{ kind: 'a', x: 1 }, { kind: 'b' }],
    invalid: [{}, { kind: 'b', x: 1, y: 1 }],
    checked: [{ kind: 'a' }],
  },
  {
    title: '$ref',
    schema: { $ref: '#/$defs/a', $defs: { a: { type: 'integer', minimum: 1 } } },
    valid: [1, 2],
    invalid: [0, 'a'],
  },
  {
    title: '$ref to definitions (draft 7)',
    schema: { type: 'array', items: { $ref: '#/definitions/a' }, definitions: { a: { const: 7 } } },
    valid: [[], [7, 7]],
    invalid: [[8]],
  },
  {
    title: '$ref beside other keywords',
    schema: { $ref: '#/$defs/a', maximum: 3, $defs: { a: { type: 'integer', minimum: 1 } } },
    valid: [1, 3],
    invalid: [0, 4],
  },
  {
    title: '$ref with escapes',
    schema: { $ref: '#/$defs/a~1b~0c%25', $defs: { 'a/b~c%': { const: 1 } } },
    valid: [1],
    invalid: [2],
  },
  {
    title: '$ref to an anchor',
    schema: { $ref: '#here', $defs: { a: { $anchor: 'here', const: 1 } } },
    valid: [1],
    invalid: [2],
  },
  {
    title: '$ref to an anchor, which no value is and a property may be called',
    schema: {
      $ref: '#here',
      $defs: {
        a: { const: { $anchor: 'here' }, enum: [{ $anchor: 'here' }] },
        b: { properties: { const: { $anchor: 'here', const: 1 } } },
      },
    },
    valid: [1],
    invalid: [2, { $anchor: 'here' }],
  },
  {
    title: '$ref by the own $id',
    schema: { $id: 'https://example.com/s', $ref: 'https://example.com/s#/$defs/a', $defs: { a: { const: 1 } } },
    valid: [1],
    invalid: [2],
  },
  {
    title: '$ref to a property',
    schema: {
      ...{ type: 'object', additionalProperties: false },
      properties: { a: { type: 'integer' }, b: { $ref: '#/properties/a' } },
    },
    valid: [{ a: 1, b: 2 }],
    invalid: [{ b: 'x' }],
  },
  {
    title: 'recursion',
    schema: { ...node, ...tree },
    valid: [{ value: 1 }, { value: 1, children: [] }, { value: 1, children: [{ value: 2, children: [{ value: 3 }] }] }],
    invalid: [{}, { value: 1, children: [{}] }, { value: 1, children: [{ value: 'x' }] }],
  },
  {
    title: 'recursion to the root',
    schema: { anyOf: [{ type: 'integer' }, { type: 'array', items: { $ref: '#' } }] },
    valid: [1, [], [1, [2, [[]]]]],
    invalid: ['a', [['a']], {}],
  },
  {
    title: 'recursion through optional properties',
    schema: { type: 'object', properties: { next: { $ref: '#' } }, additionalProperties: false },
    valid: [{}, { next: {} }, { next: { next: { next: {} } } }],
    invalid: [{ next: 1 }, { next: { x: 1 } }],
  },
  {
    title: 'recursion in alternatives that begin alike',
    schema: {
      $ref: '#/$defs/e',
      $defs: {
        e: {
          anyOf: [
            { type: 'integer' },
            ...['+', '*'].map((sign) => ({
              type: 'object',
              properties: { left: { $ref: '#/$defs/e' }, sign: { const: sign }, right: { $ref: '#/$defs/e' } },
              required: ['left', 'sign', 'right'],
              additionalProperties: false,
            })),
          ],
        },
      },
    },
    valid: [1, { left: { left: 1, sign: '*', right: 2 }, sign: '+', right: 3 }],
    invalid: [{ left: 1, sign: '-', right: 2 }, { left: 1 }],
  },
];
