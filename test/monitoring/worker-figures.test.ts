import { afterAll, beforeAll, expect, test } from 'vitest';
import { readRecent, readSeries } from '../../src/monitoring/read-series.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { embed } from '../support/requests.ts';
import { startTestWorker } from '../support/test-worker.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
});
afterAll(() => db[Symbol.asyncDispose]());

test('a worker writes the figures of what it does, the last ones as it stops', async () => {
  const tested = await startTestWorker({ uri: db.uri, heartbeatMs: 200 });
  await embed(db.pool, ['a', 'b', 'c']);
  await db.pool.query(`insert into steadytext_queue (function_name, parameters) values ('embed', '{"text": 1}')`);
  await db.pool.query(`select lantern.async_task('select 1')`);
  await eventually(async () => {
    expect(await readRecent(db.pool, 'requests')).toMatchObject({ completed: 3, failed: 1 });
    expect(await readRecent(db.pool, 'tasks')).toMatchObject({ completed: 1 });
  });
  await embed(db.pool, ['d']);
  await eventually(() => expect(tested.worker.workDone()[0]?.processed).toBe(5));
  await tested.worker.stop();
  const recent = await readRecent(db.pool, 'requests');
  expect(recent).toMatchObject({ enqueued: 5, completed: 4, failed: 1 });
  expect(recent.waitP95Ms).toBeGreaterThan(0);
  expect(recent.runP50Ms).toBeGreaterThan(0);
  const { completed } = await readSeries(db.pool, {
    window: '1h',
    system: 'requests',
    functionName: 'embed',
    model: 'default',
  });
  expect(completed.reduce<number>((sum, count) => sum + (count ?? 0), 0)).toBe(4);
  expect(tested.warnings()).toEqual([]);
});
