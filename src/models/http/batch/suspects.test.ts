import { expect, it } from 'vitest';
import { createSuspects } from './suspects.ts';

it('holds an outage against nobody, however long it is', () => {
  const suspects = createSuspects();
  suspects.recordAnswer();
  for (let i = 0; i < 100; i++) expect(suspects.isGuilty('a')).toBe(false);
});

it('finds guilty what breaks the server a third time after others were answered, and nothing else', () => {
  const suspects = createSuspects();
  const verdicts = [1, 2, 3].map(() => {
    suspects.recordAnswer();
    return suspects.isGuilty('a');
  });
  expect(verdicts).toEqual([false, false, true]);
  expect(suspects.isGuilty('b')).toBe(false);
});

it('forgets the oldest of more than a thousand', () => {
  const suspects = createSuspects();
  const accuse = (item: string) => {
    suspects.recordAnswer();
    return suspects.isGuilty(item);
  };
  accuse('first');
  accuse('first');
  for (let i = 0; i < 1_000; i++) accuse(`other ${i}`);
  expect(accuse('first')).toBe(false);
});
