import process from 'node:process';
import { expect, test } from 'vitest';
import { createTestDatabase } from '../support/database.ts';
import { startTestWorker } from '../support/test-worker.ts';

test('workers that tests of a process have stopped by themselves do not add up to a warning that a later one hears', async () => {
  await using db = await createTestDatabase();
  const before = process.listenerCount('warning');
  const { worker } = await startTestWorker({ uri: db.uri });
  await worker.stop();
  await using _ = await startTestWorker({ uri: db.uri });
  expect(process.listenerCount('warning')).toBe(before);
});
