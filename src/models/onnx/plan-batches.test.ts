import { expect, it } from 'vitest';
import { FEWEST_BATCHES, planBatches } from './plan-batches.ts';

it('puts texts of like length together, within the budget, padding included', () => {
  const lengths = [9, 2, 30, 2, 8, 3, 50];
  expect(planBatches(lengths, 30, FEWEST_BATCHES)).toEqual([[1, 3, 5], [4, 0], [2], [6]]);
});

it('runs one by one without a budget', () => {
  expect(planBatches([3, 1, 2], 0, 10)).toEqual([[1], [2], [0]]);
});

it('makes no batch of nothing', () => {
  expect(planBatches([], 100, 10)).toEqual([]);
});

it('keeps every text exactly once, whatever the lengths', () => {
  const lengths = Array.from({ length: 500 }, (_, at) => (at * 7_919) % 311);
  const batches = planBatches(lengths, 1_024, 20);
  expect(batches.flat().sort((a, b) => a - b)).toEqual([...lengths.keys()]);
  for (const batch of batches) {
    expect(batch.length * Math.max(...batch.map((at) => lengths[at] ?? 0))).toBeLessThanOrEqual(1_024);
  }
});

it('makes another batch where that saves more padding than the batch costs', () => {
  const lengths = [5, 30, 5, 6, 31];
  expect(planBatches(lengths, 1_000, 20)).toEqual([
    [0, 2, 3],
    [1, 4],
  ]);
  expect(planBatches(lengths, 1_000, 80)).toEqual([[0, 2, 3, 1, 4]]);
  expect(planBatches(lengths, 1_000, 0)).toEqual([[0, 2], [3], [1], [4]]);
});

it('finds the cheapest of all groupings', () => {
  const [budget, batchCost] = [60, 7];
  const costOf = (batch: readonly number[]) => batchCost + batch.length * Math.max(...batch);
  /** Batches of what is sorted are runs of it. */
  const cheapest = (sorted: readonly number[]): number =>
    sorted.length === 0
      ? 0
      : Math.min(
          ...sorted.flatMap((_, at) => {
            const batch = sorted.slice(0, at + 1);
            const isTooLarge = batch.length > 1 && batch.length * Math.max(...batch) > budget;
            return isTooLarge ? [] : [costOf(batch) + cheapest(sorted.slice(at + 1))];
          }),
        );
  for (let seed = 1; seed <= 40; seed += 1) {
    const lengths = Array.from({ length: 10 }, (_, at) => 1 + ((seed * 131 + at * 977) % 83));
    const batches = planBatches(lengths, budget, batchCost).map((batch) => batch.map((at) => lengths[at] ?? 0));
    const sum = batches.reduce((total, batch) => total + costOf(batch), 0);
    expect(sum).toBe(cheapest([...lengths].sort((a, b) => a - b)));
  }
});
