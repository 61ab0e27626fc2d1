import { expect, test } from 'vitest';
import { bisect } from './bisect.ts';

async function run(items: readonly number[], bad: ReadonlySet<number>) {
  const tries: (readonly number[])[] = [];
  const results = await bisect(
    items,
    async (part) => {
      tries.push(part);
      return part.some((item) => bad.has(item)) ? { fault: 'bad' } : { results: part.map((item) => `good ${item}`) };
    },
    async (item, fault) => [`${fault} ${item}`],
  );
  return { tries, results };
}

test('items without fault are dealt with in one go', async () => {
  const { tries, results } = await run([1, 2, 3], new Set());
  expect(tries).toEqual([[1, 2, 3]]);
  expect(results).toEqual(['good 1', 'good 2', 'good 3']);
});

test('what is at fault stands alone in the end, and results keep the order', async () => {
  const { tries, results } = await run([1, 2, 3, 4], new Set([3]));
  expect(tries).toEqual([[1, 2, 3, 4], [1, 2], [3, 4], [3], [4]]);
  expect(results).toEqual(['good 1', 'good 2', 'bad 3', 'good 4']);
});

test('one fault among many takes about two tries for each halving', async () => {
  const items = Array.from({ length: 500 }, (_, at) => at);
  const { tries, results } = await run(items, new Set([123]));
  expect(tries.length).toBeLessThanOrEqual(2 * 9 + 1);
  expect(results).toHaveLength(500);
  expect(results[123]).toBe('bad 123');
});

test('nothing gives nothing', async () => {
  expect((await run([], new Set())).results).toEqual([]);
});

test('what is no fault of the items ends it', async () => {
  const failing = bisect(
    [1, 2],
    () => Promise.reject(new Error('away')),
    async () => [],
  );
  await expect(failing).rejects.toThrow('away');
});
