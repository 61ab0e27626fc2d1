import { expect, it } from 'vitest';
import { truncatePair } from './truncate-pair.ts';

it.each([
  [3, 4, 10, [3, 4]],
  [3, 7, 10, [3, 7]],
  [3, 20, 10, [3, 7]],
  [20, 3, 10, [7, 3]],
  [20, 30, 10, [5, 5]],
  [20, 30, 11, [5, 6]],
  [30, 20, 11, [6, 5]],
  [0, 30, 11, [0, 11]],
  [30, 30, 0, [0, 0]],
])('keeps of %i and %i tokens in room for %i: %j', (first, second, room, kept) => {
  expect(truncatePair(first, second, room)).toEqual(kept);
});
