import { expect, test } from 'vitest';
import { showAtLeast, showBounded, showBytes, showMany, showPercent } from './numbers.ts';

test('a count that stopped at its bound is a range', () => {
  expect(showBounded({ count: 100_000, isExact: false, ageMs: 0 })).toBe('> 100,000');
  expect(showBounded({ count: 1204, isExact: true, ageMs: 0 })).toBe('1,204');
});

test('a percentage is 100 only when nothing is left, and 0 only when nothing is there', () => {
  expect([100, 99.999, 42.55, 3.21, 0.01, 0].map(showPercent)).toEqual([
    '100 %',
    '99 %',
    '42 %',
    '3.2 %',
    '< 0.1 %',
    '0 %',
  ]);
});

test('bytes have the largest unit that leaves a whole number', () => {
  expect([0, 900, 1536, 2_300_000_000].map(showBytes)).toEqual(['0 B', '900 B', '1.5 KiB', '2.1 GiB']);
});

test('one is singular', () => {
  expect([showMany(1, 'request'), showMany(1204, 'request')]).toEqual(['1 request', '1,204 requests']);
});

test('a count that may have stopped at its bound is shown as the least that there are', () => {
  expect(showAtLeast(20_001, false)).toBe('≥ 20K');
  expect(showAtLeast(20_001, true)).toBe('20K');
  expect(showAtLeast(3, false)).toBe('3');
});
