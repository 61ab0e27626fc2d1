import { expect, it } from 'vitest';
import { createSuspects } from './suspects.ts';

it('holds an outage against nobody, however long it is', () => {
  const suspects = createSuspects();
  for (let i = 0; i < 100; i++) expect(suspects.strike('a', 7)).toBe(false);
});

it('finds guilty what breaks the server a third time after others were answered, and nothing else', () => {
  const suspects = createSuspects();
  expect([1, 2, 3].map((answers) => suspects.strike('a', answers))).toEqual([false, false, true]);
});

it('counts what the server broke on again only with answers in between', () => {
  const suspects = createSuspects();
  const seen = [7, 7, 8].map((answers) => {
    suspects.strike('a', answers);
    return suspects.strikesOf('a');
  });
  expect(seen).toEqual([1, 1, 2]);
  expect(suspects.strikesOf('b')).toBe(0);
});

it('forgets what was answered', () => {
  const suspects = createSuspects();
  for (const answers of [1, 2]) suspects.strike('a', answers);
  suspects.clear('a');
  expect(suspects.limitOf('a')).toBe(Number.POSITIVE_INFINITY);
  expect(suspects.strike('a', 3)).toBe(false);
});

it('halves the company of an item with each breakdown, down to none', () => {
  const suspects = createSuspects();
  const limits = [8, 4, 3, 2, 1, 1].map((items) => {
    suspects.note('a', items);
    return suspects.limitOf('a');
  });
  expect(limits).toEqual([4, 2, 2, 1, 1, 1]);
  expect(suspects.limitOf('b')).toBe(Number.POSITIVE_INFINITY);
});

it('forgets the oldest of more than ten thousand', () => {
  const suspects = createSuspects();
  for (const answers of [1, 2]) suspects.strike('first', answers);
  for (let i = 0; i < 10_000; i++) suspects.note(`other ${i}`, 2);
  expect(suspects.strike('first', 3)).toBe(false);
});
