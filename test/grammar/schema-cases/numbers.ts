import type { SchemaCase } from './schema-case.ts';

/** Bounds and `multipleOf`. */
export const NUMBER_CASES: readonly SchemaCase[] = [
  {
    title: 'minimum and maximum of integers',
    schema: { type: 'integer', minimum: 17, maximum: 4211 },
    valid: [17, 18, 99, 100, 999, 1000, 4209, 4210, 4211],
    invalid: [16, 9, 1, 0, -17, 4212, 4300, 5000, 10_000, 17.5, '17'],
  },
  {
    title: 'negative bounds',
    schema: { type: 'integer', minimum: -120, maximum: -8 },
    valid: [-120, -119, -99, -10, -9, -8],
    invalid: [-121, -200, -1000, -7, -1, 0, 8, 120],
  },
  {
    title: 'bounds around zero',
    schema: { type: 'integer', minimum: -3, maximum: 12 },
    valid: [-3, -1, 0, 1, 9, 10, 12],
    invalid: [-4, -10, 13, 20, 100],
  },
  {
    title: 'exclusive bounds of integers',
    schema: { type: 'integer', exclusiveMinimum: 0, exclusiveMaximum: 10 },
    valid: [1, 9],
    invalid: [0, 10, -1, 11],
  },
  {
    title: 'fractional bounds of integers',
    schema: { type: 'integer', minimum: 0.5, exclusiveMaximum: 3.5 },
    valid: [1, 2, 3],
    invalid: [0, 4],
  },
  {
    title: 'minimum alone',
    schema: { type: 'integer', minimum: 100 },
    valid: [100, 101, 999, 1000, 123_456_789],
    invalid: [99, 10, 0, -100],
  },
  {
    title: 'maximum alone',
    schema: { type: 'integer', maximum: -5 },
    valid: [-5, -6, -10, -123_456],
    invalid: [-4, 0, 5],
  },
  {
    title: 'bounds beyond 18 digits',
    schema: { type: 'integer', minimum: 1e20, maximum: 2e20 },
    valid: [1e20, 15e19, 2e20],
    invalid: [1e19, 21e19, 1],
  },
  {
    title: 'bounds of numbers',
    schema: { type: 'number', minimum: -1.25, maximum: 2.5 },
    valid: [-1.25, -1.2, -1, -0.5, 0, 0.001, 1, 1.9999, 2, 2.4, 2.499, 2.5],
    invalid: [-1.26, -1.3, -2, 2.51, 2.6, 3, 10],
  },
  {
    title: 'exclusive bounds of numbers',
    schema: { type: 'number', exclusiveMinimum: 0, exclusiveMaximum: 1 },
    valid: [0.1, 0.000001, 0.5, 0.999999],
    invalid: [0, 1, -0.1, 1.1, 2],
  },
  {
    title: 'exclusive fractional bounds',
    schema: { type: 'number', exclusiveMinimum: 0.05, exclusiveMaximum: 0.1 },
    valid: [0.050001, 0.06, 0.07, 0.09, 0.0999],
    invalid: [0.05, 0.1, 0.04, 0.11, 0, 1],
  },
  {
    title: 'maximum of numbers below zero',
    schema: { type: 'number', exclusiveMaximum: 0 },
    valid: [-0.001, -1, -12.5],
    invalid: [0, 0.001, 1],
  },
  {
    title: 'two bounds on one side: the tighter holds',
    schema: { type: 'integer', minimum: 3, exclusiveMinimum: 3, maximum: 9, exclusiveMaximum: 7 },
    valid: [4, 6],
    invalid: [3, 7, 9],
  },
  {
    title: 'bounds say nothing of other types',
    schema: { minimum: 5 },
    valid: [5, 'a', null, [], {}],
    invalid: [4, 4.999],
  },
  {
    title: 'multipleOf within bounds',
    schema: { type: 'integer', minimum: -14, maximum: 20, multipleOf: 7 },
    valid: [-14, -7, 0, 7, 14],
    invalid: [-21, 21, 1, 8, -13],
  },
  {
    title: 'multipleOf that divides a power of ten',
    schema: { type: 'integer', multipleOf: 25 },
    valid: [0, 25, 50, 75, 100, 1125, -25, -4200],
    invalid: [5, 10, 26, 101, -1],
  },
  {
    title: 'multipleOf 10 from zero on',
    schema: { type: 'integer', multipleOf: 10, minimum: 0 },
    valid: [0, 10, 990],
    invalid: [5, 15, -10],
  },
  {
    title: 'multipleOf in general',
    schema: { type: 'integer', multipleOf: 7 },
    valid: [0, 7, 700, -14],
    invalid: [0.5],
    checked: [1, 8, -1],
  },
  {
    title: 'multipleOf of hundredths, exactly',
    schema: { type: 'number', multipleOf: 0.01 },
    valid: [4.35, 0.07, 1, -19.99, 1.1],
    invalid: [0.001, 4.355],
  },
  {
    title: 'multipleOf of hundredths within bounds',
    schema: { type: 'number', multipleOf: 0.25, minimum: 0, maximum: 1 },
    valid: [0, 0.25, 0.5, 0.75, 1],
    invalid: [0.1, 0.3, 1.25, -0.25],
  },
  {
    title: 'two multipleOf',
    schema: { type: 'integer', minimum: 0, maximum: 30, allOf: [{ multipleOf: 4 }, { multipleOf: 6 }] },
    valid: [0, 12, 24],
    invalid: [4, 6, 8, 18, 30],
  },
  {
    title: 'format int32',
    schema: { type: 'integer', format: 'int32' },
    valid: [0, 2_147_483_647, -2_147_483_648],
    invalid: [2_147_483_648, -2_147_483_649, 1.5],
  },
];
