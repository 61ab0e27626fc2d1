import type { SchemaCase } from './schema-case.ts';

const closed = { type: 'object', additionalProperties: false };

/** Keywords of objects. */
export const OBJECT_CASES: readonly SchemaCase[] = [
  {
    title: 'properties',
    schema: { type: 'object', properties: { a: { type: 'integer' }, b: { type: 'string' } } },
    valid: [{}, { a: 1 }, { b: 'x' }, { a: 1, b: 'x' }, { c: null }, { a: 1, b: 'x', c: [1], d: {} }],
    invalid: [{ a: 'x' }, { b: 1 }, { a: 1, b: null }, [], 1],
  },
  {
    title: 'properties alone allow other types',
    schema: { properties: { a: false } },
    valid: [{}, { b: 1 }, [], 'a', 1],
    invalid: [{ a: 1 }],
  },
  {
    title: 'required',
    schema: { type: 'object', properties: { a: {}, b: {} }, required: ['b'] },
    valid: [{ b: 1 }, { b: 2, a: 1 }, { b: 1, c: 2 }],
    invalid: [{}, { a: 1 }, { c: 1 }],
  },
  {
    title: 'required comes first, then propertyOrdering, then the order of jsonb',
    schema: {
      ...closed,
      properties: { id: {}, note: {}, answer: {}, reasoning: {}, z: {} },
      required: ['reasoning', 'answer'],
      propertyOrdering: ['note', 'answer'],
    },
    valid: [
      { reasoning: 1, answer: 2, note: 3, z: 4, id: 5 },
      { reasoning: 1, answer: 2 },
      { reasoning: 1, answer: 2, id: 5 },
    ],
    invalid: [{ reasoning: 1, note: 3 }, { reasoning: 1, x: 1, answer: 2 }, {}],
  },
  {
    title: 'the order of schemas that hold together',
    schema: {
      properties: { a: {}, b: {} },
      allOf: [{ required: ['d'] }, { properties: { d: {}, c: {} }, propertyOrdering: ['b', 'c'] }],
      maxProperties: 4,
      type: 'object',
    },
    valid: [
      { d: 1, b: 1, c: 1, a: 1 },
      { d: 1, a: 1 },
    ],
    invalid: [{ a: 1, b: 1 }],
  },
  {
    title: 'required without a schema',
    schema: { type: 'object', required: ['x'] },
    valid: [{ x: 1 }, { x: null, y: 2 }],
    invalid: [{}, { y: 1 }],
  },
  {
    title: 'additionalProperties false',
    schema: { ...closed, properties: { a: {}, b: {} }, required: ['a'] },
    valid: [{ a: 1 }, { a: 1, b: 2 }],
    invalid: [{}, { b: 1 }, { a: 1, c: 1 }, { a: 1, b: 1, c: 1 }],
  },
  {
    title: 'additionalProperties with a schema',
    schema: { type: 'object', properties: { a: { const: 1 } }, additionalProperties: { type: 'boolean' } },
    valid: [{}, { a: 1 }, { a: 1, x: true }, { x: false, y: true }],
    invalid: [{ a: true }, { x: 1 }],
  },
  {
    title: 'names that begin like others',
    schema: {
      type: 'object',
      properties: { ab: { const: 1 }, abc: { const: 2 }, '': { const: 3 } },
      additionalProperties: { const: 4 },
    },
    valid: [
      { '': 3, ab: 1, abc: 2 },
      { a: 4, abcd: 4, abd: 4, b: 4 },
    ],
    invalid: [{ ab: 4 }, { abc: 4 }, { '': 4 }, { a: 1 }],
  },
  {
    title: 'names that JSON escapes',
    schema: {
      ...closed,
      properties: { 'a"b': { const: 1 }, 'c\\d': { const: 2 }, '\n': { const: 3 }, 'é😀': { const: 4 } },
    },
    valid: [{ '\n': 3, 'a"b': 1, 'c\\d': 2, 'é😀': 4 }],
    invalid: [{ ab: 1 }, { 'a"b': 2 }],
  },
  {
    title: 'other names where names are escaped',
    schema: {
      type: 'object',
      properties: { '"': { const: 1 }, '\u0001': { const: 1 } },
      additionalProperties: { const: 2 },
    },
    valid: [{ '"': 1 }, { '"x': 2 }, { '\u0002': 2, '\n': 2 }],
    invalid: [{ '"': 2 }, { '\u0001': 2 }],
  },
  {
    title: 'names of JavaScript',
    schema: { type: 'object', properties: { constructor: { type: 'integer' } }, required: ['toString'] },
    valid: [{ toString: 1, constructor: 1 }, { toString: null }],
    invalid: [{}, { constructor: 1 }, { constructor: 'x', toString: 1 }],
  },
  {
    title: 'minProperties and maxProperties',
    schema: { type: 'object', minProperties: 1, maxProperties: 2 },
    valid: [{ a: 1 }, { a: 1, b: 2 }],
    invalid: [{}, { a: 1, b: 2, c: 3 }],
  },
  {
    title: 'minProperties with optional properties',
    schema: { ...closed, properties: { a: {}, b: {}, c: {} }, minProperties: 2 },
    valid: [
      { a: 1, b: 1 },
      { a: 1, c: 1 },
      { b: 1, c: 1 },
      { a: 1, b: 1, c: 1 },
    ],
    invalid: [{}, { a: 1 }, { b: 1 }, { c: 1 }],
  },
  {
    title: 'maxProperties with optional and required properties',
    schema: { ...closed, properties: { a: {}, b: {}, c: {} }, required: ['c'], maxProperties: 2 },
    valid: [{ c: 1 }, { c: 1, a: 1 }, { c: 1, b: 1 }],
    invalid: [{ a: 1, b: 1 }, { a: 1, b: 1, c: 1 }, {}],
  },
  {
    title: 'minProperties made of other properties',
    schema: { type: 'object', properties: { a: {} }, required: ['a'], minProperties: 3 },
    valid: [{ a: 1, x: 1, y: 1 }],
    invalid: [{ a: 1 }, { a: 1, x: 1 }],
  },
  {
    title: 'patternProperties',
    schema: { ...closed, patternProperties: { '^n_': { type: 'integer' }, '^s_': { type: 'string' } } },
    valid: [{}, { n_a: 1, s_b: 'x' }],
    invalid: [{ n_a: 'x' }, { x: 1 }],
  },
  {
    title: 'patternProperties beside properties',
    schema: {
      type: 'object',
      properties: { n_a: { minimum: 5 } },
      patternProperties: { '^n_': { type: 'integer' } },
      additionalProperties: { type: 'string' },
    },
    valid: [{ n_a: 5, n_b: 1, x: 'y' }],
    invalid: [{ n_a: 5.5 }, { x: 1 }],
    checked: [{ n_a: 4 }, { n_b: 'text' }],
  },
  {
    title: 'propertyNames',
    schema: { type: 'object', propertyNames: { pattern: '^[a-z]+$', maxLength: 3 } },
    valid: [{}, { abc: 1, d: 2 }],
    invalid: [{ A: 1 }, { abcd: 1 }, { '': 1 }],
  },
  {
    title: 'propertyNames of a list',
    schema: { type: 'object', propertyNames: { enum: ['a', 'b'] }, additionalProperties: { type: 'integer' } },
    valid: [{}, { a: 1, b: 2 }],
    invalid: [{ c: 1 }, { a: 'x' }],
  },
  {
    title: 'dependentRequired',
    schema: { ...closed, properties: { a: {}, b: {} }, dependentRequired: { a: ['b'] } },
    valid: [{}, { b: 1 }, { a: 1, b: 1 }],
    invalid: [{ c: 1 }],
    checked: [{ a: 1 }],
  },
  {
    title: 'dependentSchemas',
    schema: { ...closed, properties: { a: {}, b: {} }, dependentSchemas: { a: { minProperties: 2 } } },
    valid: [{ b: 1 }, { a: 1, b: 1 }],
    invalid: [{ c: 1 }],
    checked: [{ a: 1 }],
  },
  {
    title: 'dependencies (draft 7)',
    schema: { ...closed, properties: { a: {}, b: {} }, dependencies: { a: ['b'], b: { required: ['b'] } } },
    valid: [{}, { b: 1 }, { a: 1, b: 1 }],
    invalid: [{ c: 1 }],
    checked: [{ a: 1 }],
  },
  {
    title: 'objects within objects',
    schema: {
      ...closed,
      properties: {
        a: {
          ...closed,
          properties: { b: { type: 'array', items: { ...closed, properties: { c: { const: 1 } }, required: ['c'] } } },
        },
      },
    },
    valid: [{}, { a: {} }, { a: { b: [{ c: 1 }, { c: 1 }] } }],
    invalid: [{ a: { b: [{}] } }, { a: { c: 1 } }, { a: [] }],
  },
];
