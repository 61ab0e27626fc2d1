import { expect, test } from 'vitest';
import { BACKOFF_CAP_MS, backoffMs } from './backoff.ts';

test('the pause doubles with each failure', () => {
  expect([1, 2, 3, 4].map((n) => backoffMs(n, () => 1))).toEqual([1_000, 2_000, 4_000, 8_000]);
});

test('jitter takes away up to half', () => {
  expect(backoffMs(3, () => 0)).toBe(2_000);
  expect(backoffMs(3, () => 0.5)).toBe(3_000);
});

test.each([0, 1, 20, 1_000, 1e9])('after %i failures the pause is between half the base and the cap', (n) => {
  for (const random of [0, 0.3, 1]) {
    expect(backoffMs(n, () => random)).toBeGreaterThanOrEqual(500);
    expect(backoffMs(n, () => random)).toBeLessThanOrEqual(BACKOFF_CAP_MS);
  }
});

test('base and cap can be given', () => {
  expect(backoffMs(9, () => 1, { baseMs: 100, capMs: 10_000 })).toBe(10_000);
});
