import { expect, it, test } from 'vitest';
import type { RunBatch, TextResult } from './graph.ts';
import { FEWEST_BATCHES, type Portions, planBatches, runTexts } from './run-texts.ts';
import type { EncodedText } from './text-encoder.ts';

const textOf = (length: number): EncodedText => ({ ids: new Array(length).fill(7), typeIds: [], isTruncated: false });
const vector = Float32Array.of(1);

/** What is run and said, in order: `3,4` for a run of texts of these lengths, `[0 1]` for positions that are worked on. */
async function protocolOf(
  lengths: readonly number[],
  portions: Portions,
  runBatch: RunBatch = async (texts) => texts.map(() => vector),
) {
  const events: string[] = [];
  const results: TextResult[] = [];
  await runTexts(
    lengths.map(textOf),
    (texts) => {
      events.push(texts.map(({ ids }) => ids.length).join());
      return runBatch(texts);
    },
    portions,
    {
      working: async (positions) => void events.push(`[${positions.join(' ')}]`),
      breathe: async () => undefined,
      done: (position, result) => {
        results[position] = result;
      },
    },
  );
  return { events: events.join(' '), results };
}

test('batches are said before they are run', async () => {
  const { events } = await protocolOf([3, 9, 4], { batchTokens: 10, runCost: 100, saidTokens: 0 });
  expect(events).toBe('[0 2] 3,4 [1] 9');
});

test('texts that are run one by one are said in portions, a long one alone', async () => {
  const { events, results } = await protocolOf([3, 50, 4, 9], { batchTokens: 0, runCost: 100, saidTokens: 10 });
  expect(events).toBe('[0 2] 3 4 [3] 9 [1] 50');
  expect(results).toEqual([vector, vector, vector, vector]);
});

test('texts of different lengths are not filled up for less than a run costs', async () => {
  const { events } = await protocolOf([3, 3, 9], { batchTokens: 100, runCost: 5, saidTokens: 0 });
  expect(events).toBe('[0 1] 3,3 [2] 9');
});

test('a batch that fails is run again one by one, each said alone, and only the one to blame has an error', async () => {
  const runBatch: RunBatch = async (texts) => {
    if (texts.some(({ ids }) => ids.length === 4)) throw new Error('no four');
    return texts.map(() => vector);
  };
  const { events, results } = await protocolOf([3, 4], { batchTokens: 10, runCost: 100, saidTokens: 0 }, runBatch);
  expect(events).toBe('[0 1] 3,4 [0] 3 [1] 4');
  expect(results).toEqual([vector, new Error('no four')]);
});

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
