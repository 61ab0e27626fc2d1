import { expect, it } from 'vitest';
import { planBatches } from './plan-batches.ts';

it('puts texts of like length together, within the budget, padding included', () => {
  const lengths = [9, 2, 30, 2, 8, 3, 50];
  expect(planBatches(lengths, 30)).toEqual([[1, 3, 5], [4, 0], [2], [6]]);
});

it('runs one by one without a budget', () => {
  expect(planBatches([3, 1, 2], 0)).toEqual([[1], [2], [0]]);
});

it('makes no batch of nothing', () => {
  expect(planBatches([], 100)).toEqual([]);
});

it('keeps every text exactly once, whatever the lengths', () => {
  const lengths = Array.from({ length: 500 }, (_, at) => (at * 7_919) % 311);
  const batches = planBatches(lengths, 1_024);
  expect(batches.flat().sort((a, b) => a - b)).toEqual([...lengths.keys()]);
  for (const batch of batches) {
    expect(batch.length * Math.max(...batch.map((at) => lengths[at] ?? 0))).toBeLessThanOrEqual(1_024);
  }
});
