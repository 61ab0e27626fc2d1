import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { createGatedProvider } from '../support/gated-provider.ts';
import { embed, firstValue, generate, rowOf, rowsOf, untilStatus } from '../support/requests.ts';
import { spawnWorker, startTestWorker } from '../support/test-worker.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
});
afterEach(() => db.pool.query('delete from steadytext_queue'));
afterAll(() => db[Symbol.asyncDispose]());

const statusOf = (workerId: string) =>
  firstValue<string>(db.pool, 'select status from steadytext_worker_status() where worker_id = $1', [workerId]);

async function timed(work: Promise<unknown>): Promise<number> {
  const startedMs = performance.now();
  await work;
  return performance.now() - startedMs;
}

test('an idle worker stops within a second and signs off', async () => {
  const { worker } = await startTestWorker({ uri: db.uri });
  await untilStatus(db.pool, await embed(db.pool, ['before the stop']), 'completed');
  expect(await timed(worker.stop())).toBeLessThan(1_000);
  expect(await statusOf(worker.workerId)).toBe('stopped');
});

test('stopping twice, and at once after the start, is fine', async () => {
  const { worker } = await startTestWorker({ uri: db.uri });
  await Promise.all([worker.stop(), worker.stop(), worker.stop({ isImmediate: true })]);
  await worker.stop();
  expect(await statusOf(worker.workerId)).toBe('stopped');
});

test('a graceful stop claims nothing more and lets what runs finish', async () => {
  const gated = createGatedProvider();
  const tested = await startTestWorker({
    uri: db.uri,
    providers: [gated],
    generateModel: 'gated/model',
    heartbeatMs: 100,
    leaseMs: 2_000,
  });
  const { worker } = tested;
  const running = await generate(db.pool, 'running');
  const call = await gated.call('running');
  const stopped = worker.stop();
  await eventually(async () => expect(await statusOf(worker.workerId)).toBe('stopping'));
  const [later = ''] = await embed(db.pool, ['after the stop']);
  expect(call.signal.aborted).toBe(false);
  call.answer('finished');
  await stopped;
  expect(await rowOf(db.pool, running)).toMatchObject({ status: 'completed', result: 'finished' });
  expect(await rowOf(db.pool, later)).toMatchObject({ status: 'pending', attempt: 0 });
});

test('an immediate stop hands back what runs, ready at once and charged to nobody', async () => {
  const tested = await startTestWorker({ uri: db.uri, provider: { maxBatch: 2 } });
  const ids = await embed(db.pool, ['!hang', '!hang b', '!hang c']);
  await eventually(() => expect(tested.calls.running).toBe(2));
  const waiting = tested.worker.stop();
  expect(await timed(tested.worker.stop({ isImmediate: true }))).toBeLessThan(2_000);
  await waiting;
  expect(await rowsOf(db.pool, ids)).toMatchObject(
    ids.map(() => ({ status: 'pending', retry_count: 0, run_at: null, worker_id: null, error: null })),
  );
  expect(tested.calls).toMatchObject({ running: 0, closes: 1 });
});

test('a model that is deaf does not hold up an immediate stop', async () => {
  const gated = createGatedProvider();
  const tested = await startTestWorker({ uri: db.uri, providers: [gated], generateModel: 'gated/model' });
  const id = await generate(db.pool, 'deaf');
  const call = await gated.call('deaf');
  expect(await timed(tested.worker.stop({ isImmediate: true }))).toBeLessThan(2_000);
  call.answer('too late');
  expect(await rowOf(db.pool, id)).toMatchObject({ status: 'pending', retry_count: 0 });
});

test('a stop while a request in quarantine runs does not wait for it', async () => {
  const gated = createGatedProvider();
  const options = { uri: db.uri, providers: [gated], generateModel: 'gated/model', heartbeatMs: 100, leaseMs: 1_000 };
  const id = await generate(db.pool, 'in quarantine');
  await db.pool.query(`update steadytext_queue set run_at = '9000-01-01 00:00+00' where request_id = $1`, [id]);
  await db.pool.query(
    'insert into lamplighter.quarantine (id, deaths) select id, 2 from steadytext_queue where request_id = $1',
    [id],
  );
  const tested = await startTestWorker(options);
  await gated.call('in quarantine');
  expect(await timed(tested.worker.stop({ isImmediate: true }))).toBeLessThan(2_000);
  // It stays in quarantine: nobody knows yet whether it kills.
  expect(await rowOf(db.pool, id)).toMatchObject({ status: 'pending', retry_count: 0 });
  expect(await firstValue(db.pool, 'select count(*)::int from lamplighter.quarantine')).toBe(1);
});

test('SIGTERM lets a process finish and exit with 0', async () => {
  await using child = await spawnWorker({ uri: db.uri });
  const [id = ''] = await embed(db.pool, ['!sleep:300 to the end']);
  await eventually(async () => expect((await rowOf(db.pool, id)).status).toBe('processing'));
  child.kill('SIGTERM');
  expect(await child.exited).toEqual({ code: 0, signal: null });
  expect(await rowOf(db.pool, id)).toMatchObject({ status: 'completed', attempt: 1 });
  expect(await statusOf(child.workerId)).toBe('stopped');
});

test('a second SIGTERM makes it hand back at once', async () => {
  await using child = await spawnWorker({ uri: db.uri });
  const id = await generate(db.pool, '!hang');
  await eventually(async () => expect((await rowOf(db.pool, id)).status).toBe('processing'));
  child.kill('SIGTERM');
  await child.waitForLine(/^stopping 1/);
  child.kill('SIGTERM');
  expect(await child.exited).toEqual({ code: 0, signal: null });
  expect(await rowOf(db.pool, id)).toMatchObject({ status: 'pending', retry_count: 0, worker_id: null });
});

test('a worker that cannot start says why and leaves no connection open', async () => {
  await using empty = await createTestDatabase({ migrated: false });
  await expect(startTestWorker({ uri: empty.uri })).rejects.toMatchObject({ code: 'SCHEMA_MISSING' });
});
