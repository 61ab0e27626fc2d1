/** A test that passes and leaves a rejection behind that nobody handles, for `outcome-reporter.test.ts`. */
import { test } from 'vitest';

test('passes, and leaves something behind', async () => {
  void Promise.reject(new Error('nobody waits for this'));
  await new Promise((resolve) => setImmediate(resolve));
});
