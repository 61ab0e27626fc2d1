import type { SchemaCase } from './schema-case.ts';

/** Keywords of arrays, in the form of 2020-12 and of draft 7. */
export const ARRAY_CASES: readonly SchemaCase[] = [
  {
    title: 'items',
    schema: { type: 'array', items: { type: 'integer' } },
    valid: [[], [1], [1, 2, 3]],
    invalid: [['a'], [1, null], {}, 1],
  },
  { title: 'items false', schema: { items: false }, valid: [[], 1, {}], invalid: [[1], [null]] },
  {
    title: 'minItems and maxItems',
    schema: { type: 'array', minItems: 1, maxItems: 3 },
    valid: [[1], [1, 'a', null]],
    invalid: [[], [1, 2, 3, 4]],
  },
  { title: 'maxItems 0', schema: { type: 'array', maxItems: 0 }, valid: [[]], invalid: [[1]] },
  {
    title: 'minItems alone',
    schema: { type: 'array', items: { type: 'null' }, minItems: 2 },
    valid: [
      [null, null],
      [null, null, null],
    ],
    invalid: [[], [null]],
  },
  {
    title: 'maxItems beyond what is enforced',
    schema: { type: 'array', items: { const: 0 }, maxItems: 1_000_000_000 },
    valid: [[], [0, 0]],
    invalid: [[1]],
  },
  {
    title: 'prefixItems',
    schema: { type: 'array', prefixItems: [{ type: 'integer' }, { type: 'string' }] },
    valid: [[], [1], [1, 'a'], [1, 'a', null]],
    invalid: [['a'], [1, 2], [null]],
  },
  {
    title: 'prefixItems and items',
    schema: { prefixItems: [{ const: 'a' }], items: { type: 'null' } },
    valid: [[], ['a'], ['a', null, null], 5],
    invalid: [[null], ['a', 'a']],
  },
  {
    title: 'prefixItems without more',
    schema: { type: 'array', prefixItems: [{}, {}], items: false, minItems: 2 },
    valid: [
      [1, 2],
      [[], {}],
    ],
    invalid: [[], [1], [1, 2, 3]],
  },
  {
    title: 'prefixItems cut by maxItems',
    schema: { type: 'array', prefixItems: [{ const: 1 }, { const: 2 }, { const: 3 }], minItems: 1, maxItems: 2 },
    valid: [[1], [1, 2]],
    invalid: [[], [1, 2, 3], [2]],
  },
  {
    title: 'prefixItems with one that nothing fits',
    schema: { type: 'array', prefixItems: [{ const: 1 }, false] },
    valid: [[], [1]],
    invalid: [[1, 2], [2]],
  },
  {
    title: 'items as an array (draft 7)',
    schema: { type: 'array', items: [{ type: 'integer' }], additionalItems: { type: 'string' } },
    valid: [[], [1], [1, 'a', 'b']],
    invalid: [['a'], [1, 2]],
  },
  {
    title: 'additionalItems without items as an array',
    schema: { type: 'array', items: { type: 'integer' } },
    valid: [[1, 2]],
    invalid: [[1, 'a']],
  },
  {
    title: 'uniqueItems',
    schema: { type: 'array', items: { enum: [1, 2, { a: 1, b: 2 }] }, uniqueItems: true },
    valid: [[], [1, 2], [{ a: 1, b: 2 }]],
    invalid: [[3]],
    checked: [
      [1, 1],
      [
        { a: 1, b: 2 },
        { a: 1, b: 2 },
      ],
    ],
  },
  {
    title: 'uniqueItems false',
    schema: { type: 'array', uniqueItems: false, items: { const: 1 } },
    valid: [[1, 1]],
    invalid: [[2]],
  },
  {
    title: 'contains',
    schema: { type: 'array', contains: { const: 5 } },
    valid: [[5], [1, 5]],
    invalid: [[]],
    checked: [[1], [4, 6]],
  },
  {
    title: 'minContains and maxContains',
    schema: { type: 'array', contains: { const: 5 }, minContains: 2, maxContains: 3 },
    valid: [
      [5, 5],
      [5, 1, 5, 5],
    ],
    invalid: [[5]],
    checked: [
      [5, 1],
      [5, 5, 5, 5],
    ],
  },
  {
    title: 'arrays that two schemas describe',
    schema: { type: 'array', allOf: [{ items: { minimum: 2 } }, { prefixItems: [{ type: 'integer' }], maxItems: 2 }] },
    valid: [[], [2], [3, 'a']],
    invalid: [[1], [2.5], [2, 1], [2, 2, 2]],
  },
];
