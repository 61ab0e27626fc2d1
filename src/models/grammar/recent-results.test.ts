import { expect, test } from 'vitest';
import { createRecentResults } from './recent-results.ts';

test('keeps the results asked for last, also undefined ones', () => {
  const recent = createRecentResults<number | undefined>(2);
  const made: string[] = [];
  const get = (key: string) =>
    recent.get(key, () => {
      made.push(key);
      return undefined;
    });
  for (const key of ['a', 'b', 'a', 'c', 'a', 'b']) get(key);
  expect(made).toEqual(['a', 'b', 'c', 'b']);
});

test('keeps nothing of a failure', () => {
  const recent = createRecentResults<number>(2);
  const failing = () =>
    recent.get('a', () => {
      throw new Error('no');
    });
  expect(failing).toThrow('no');
  expect(recent.get('a', () => 1)).toBe(1);
});
