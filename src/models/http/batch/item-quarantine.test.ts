import { expect, it } from 'vitest';
import { createItemQuarantine } from './item-quarantine.ts';

it('holds an outage against nobody, however long it is', () => {
  const quarantine = createItemQuarantine();
  for (let i = 0; i < 100; i++) expect(quarantine.strike('a', 7)).toBe(false);
});

it('finds guilty what breaks the server a third time after others were answered, and nothing else', () => {
  const quarantine = createItemQuarantine();
  expect([1, 2, 3].map((answers) => quarantine.strike('a', answers))).toEqual([false, false, true]);
});

it('counts what the server broke on again only with answers in between', () => {
  const quarantine = createItemQuarantine();
  const seen = [7, 7, 8].map((answers) => {
    quarantine.strike('a', answers);
    return quarantine.strikesOf('a');
  });
  expect(seen).toEqual([1, 1, 2]);
  expect(quarantine.strikesOf('b')).toBe(0);
});

it('forgets what was answered', () => {
  const quarantine = createItemQuarantine();
  for (const answers of [1, 2]) quarantine.strike('a', answers);
  quarantine.clear('a');
  expect(quarantine.limitOf('a')).toBe(Number.POSITIVE_INFINITY);
  expect(quarantine.strike('a', 3)).toBe(false);
});

it('halves the company of an item with each breakdown, down to none', () => {
  const quarantine = createItemQuarantine();
  const limits = [8, 4, 3, 2, 1, 1].map((items) => {
    quarantine.note('a', items);
    return quarantine.limitOf('a');
  });
  expect(limits).toEqual([4, 2, 2, 1, 1, 1]);
  expect(quarantine.limitOf('b')).toBe(Number.POSITIVE_INFINITY);
});

it('forgets the oldest of more than ten thousand', () => {
  const quarantine = createItemQuarantine();
  for (const answers of [1, 2]) quarantine.strike('first', answers);
  for (let i = 0; i < 10_000; i++) quarantine.note(`other ${i}`, 2);
  expect(quarantine.strike('first', 3)).toBe(false);
});
