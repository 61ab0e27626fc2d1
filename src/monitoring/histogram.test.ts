import { expect, test } from 'vitest';
import { addCounts, BOUNDS_S, bucketOf, quantileMs } from './histogram.ts';

test('a span falls into the first bucket whose bound it does not exceed', () => {
  expect(bucketOf(0)).toBe(0);
  expect(bucketOf(1)).toBe(0);
  expect(bucketOf(1.5)).toBe(1);
  expect(bucketOf(1_000)).toBe(BOUNDS_S.indexOf(1));
  expect(bucketOf(1e9)).toBe(BOUNDS_S.length);
});

test('counts of other lengths are added by bucket', () => {
  const total = [1];
  addCounts(total, [1, 0, 2]);
  addCounts(total, []);
  expect(total).toEqual([2, 0, 2]);
});

test('a quantile lies in the bucket that holds it, and there is none of nothing', () => {
  expect(quantileMs([], 0.5)).toBeUndefined();
  expect(quantileMs([0, 0], 0.5)).toBeUndefined();
  const counts = BOUNDS_S.map((bound) => (bound === 1 ? 95 : bound === 10 ? 5 : 0));
  expect(quantileMs(counts, 0.5)).toBeGreaterThan(500);
  expect(quantileMs(counts, 0.5)).toBeLessThanOrEqual(1_000);
  expect(quantileMs(counts, 0.99)).toBeGreaterThan(5_000);
  expect(quantileMs(counts, 0.99)).toBeLessThanOrEqual(10_000);
});

test('of spans beyond the last bound that bound is given', () => {
  const counts = [...BOUNDS_S.map(() => 0), 3];
  expect(quantileMs(counts, 0.95)).toBe(86_400_000);
});
