import { expect, test } from 'vitest';
import { type Portions, type RunBatch, runTexts, type TextResult } from './run-texts.ts';
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
