/** What a run of tests can come to, for `outcome-reporter.test.ts`; not found by the runs of this package. */
import { afterAll, describe, expect, test } from 'vitest';

test('passes', () => undefined);
test.skip('is skipped', () => undefined);
test('is unhappy', () => expect([1, 2], 'first line').toEqual([3]));
describe('a group', () => {
  describe('inside', () => {
    test('throws', () => {
      throw new Error('one line\nand another');
    });
  });
  afterAll(() => {
    throw new Error('the hook of the group');
  });
});
afterAll(() => {
  throw new Error('the hook of the file');
});
