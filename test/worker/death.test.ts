import { afterAll, beforeAll, expect, test } from 'vitest';
import { createLogger } from '../../src/core/log.ts';
import { createWorker } from '../../src/worker/create-worker.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { firstValue, generate, rowOf } from '../support/requests.ts';
import { createTestProvider } from '../support/test-runtime.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
});
afterAll(() => db[Symbol.asyncDispose]());

test('a worker of which a part has failed says so, stops and gives back what it holds', async () => {
  // As on a full disk: whoever has to tell something fails, and fails again when it tells that.
  let isFull = false;
  const log = createLogger({
    destination: {
      write(line) {
        if (isFull && /prune|deleted/.test(line)) throw new Error('ENOSPC: no space left on device');
      },
    },
  });
  const runtime = createTestProvider();
  const worker = await createWorker({
    uri: db.uri,
    providers: [runtime],
    generateModel: 'test/model',
    pollIntervalMs: 100,
    retentionMs: 2_000,
    log,
  });
  const { workerId } = worker;
  const id = await generate(db.pool, '!hang');
  await eventually(() => expect(runtime.calls.running).toBe(1));
  isFull = true;
  await db.pool.query(
    `insert into steadytext_queue (function_name, status, created_at, completed_at) values ('embed', 'completed', '2000-01-01', '2000-01-01')`,
  );
  expect(await worker.died).toMatchObject({
    code: 'WORKER_FAILED',
    message: 'The worker has failed, as the part of it that had to prune ended: ENOSPC: no space left on device',
  });
  await eventually(async () => {
    expect(await rowOf(db.pool, id)).toMatchObject({ status: 'pending' });
    expect(
      await firstValue(db.pool, 'select status from steadytext_worker_status() where worker_id = $1', [workerId]),
    ).toBe('stopped');
  });
  await expect(worker.stop()).rejects.toThrow('Parts of the worker could not be stopped');
});
