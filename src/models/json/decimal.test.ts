import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compareDecimals, isMultiple, leastCommonMultiple, quotientDown, quotientUp, textOf } from './decimal.ts';
import { decimalOf } from './json-number.ts';

const doubles = fc.double({ noNaN: true, noDefaultInfinity: true });

test('a double is the decimal that its shortest text says', () => {
  expect([0.1, -2.5, 1e21, 1.5e-7, 0, -0, 123.456].map((value) => textOf(decimalOf(value)))).toEqual([
    '0.1',
    '-2.5',
    '1000000000000000000000',
    '0.00000015',
    '0',
    '0',
    '123.456',
  ]);
  fc.assert(fc.property(doubles, (value) => Number(textOf(decimalOf(value))) === value));
});

test('order is that of numbers', () => {
  fc.assert(
    fc.property(doubles, doubles, (a, b) => {
      expect(Math.sign(compareDecimals(decimalOf(a), decimalOf(b)))).toBe(a < b ? -1 : a > b ? 1 : 0);
    }),
  );
});

test('multiples are exact where floating point is not', () => {
  expect([4.35, 19.99, 1.1, 0.07].map((value) => isMultiple(decimalOf(value), decimalOf(0.01)))).toEqual(
    Array(4).fill(true),
  );
  expect(isMultiple(decimalOf(4.355), decimalOf(0.01))).toBe(false);
  expect(isMultiple(decimalOf(1e300), decimalOf(3))).toBe(false);
});

test('quotients are rounded outwards on both sides of zero', () => {
  const step = decimalOf(0.5);
  expect([1.2, -1.2, 1, -1].map((value) => quotientDown(decimalOf(value), step))).toEqual([2n, -3n, 2n, -2n]);
  expect([1.2, -1.2, 1, -1].map((value) => quotientUp(decimalOf(value), step))).toEqual([3n, -2n, 2n, -2n]);
});

test('the least common multiple of two steps', () => {
  expect(textOf(leastCommonMultiple(decimalOf(4), decimalOf(6)))).toBe('12');
  expect(textOf(leastCommonMultiple(decimalOf(0.4), decimalOf(0.6)))).toBe('1.2');
});
