import process from 'node:process';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { startFaultProxy } from '../faults/support/fault-proxy.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { createGatedProvider } from '../support/gated-provider.ts';
import { embed, firstValue, generate, rowOf, rowsOf, untilStatus } from '../support/requests.ts';
import { spawnWorker, startTestWorker } from '../support/test-worker.ts';

/** The shortest lease there is; an idle machine renews it with time to spare. */
const SHORT = { leaseMs: 1_000, heartbeatMs: 200 } as const;

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
});
afterEach(async () => {
  await db.pool.query('delete from steadytext_queue');
  await db.pool.query('delete from lamplighter.worker');
});
afterAll(() => db[Symbol.asyncDispose]());

interface Status {
  readonly worker_id: string;
  readonly status: string;
  readonly in_flight: number;
}
async function workers(): Promise<Status[]> {
  return (await db.pool.query<Status>('select * from steadytext_worker_status() order by started_at')).rows;
}

test('a worker registers with what it is and serves, and renews its lease', async () => {
  await using tested = await startTestWorker({ uri: db.uri, ...SHORT, functions: ['embed', 'rerank'], concurrency: 3 });
  const [first] = await workers();
  expect(first).toMatchObject({
    worker_id: tested.worker.workerId,
    status: 'running',
    pid: process.pid,
    version: expect.stringMatching(/^\d+\.\d+\.\d+/),
    functions: ['embed', 'rerank'],
    concurrency: 3,
    in_flight: 0,
    processed: '0',
    failed: '0',
  });
  const heartbeat = () => firstValue<Date>(db.pool, 'select last_heartbeat from steadytext_worker_status()');
  const before = await heartbeat();
  await eventually(async () => expect((await heartbeat()).getTime()).toBeGreaterThan(before.getTime() + 500));
});

test('what it has claimed shows as in flight, and what it serves as served', async () => {
  const gated = createGatedProvider();
  await using _ = await startTestWorker({ uri: db.uri, ...SHORT, providers: [gated], generateModel: 'gated/model' });
  const id = await generate(db.pool, 'in flight');
  const call = await gated.call('in flight');
  await eventually(async () => expect(await workers()).toMatchObject([{ in_flight: 1 }]));
  call.answer('landed');
  await untilStatus(db.pool, [id], 'completed');
  await eventually(async () => expect(await workers()).toMatchObject([{ in_flight: 0, processed: '1' }]));
});

test('a worker whose lease is taken drops its work, goes on under a new id, and its late answer changes nothing', async () => {
  const gated = createGatedProvider();
  await using tested = await startTestWorker({
    uri: db.uri,
    ...SHORT,
    providers: [gated],
    generateModel: 'gated/model',
  });
  const oldId = tested.worker.workerId;
  const id = await generate(db.pool, 'held');
  const first = await gated.call('held');
  await db.pool.query(`update lamplighter.worker set status = 'dead', died_at = now(), in_flight_at_death = 1`);

  const second = await gated.call('held', 2);
  expect(first.signal.aborted).toBe(true);
  first.answer('from before the loss');
  second.answer('from after the loss');
  const [row] = await untilStatus(db.pool, [id], 'completed');
  expect(tested.worker.workerId).not.toBe(oldId);
  expect(row).toMatchObject({ result: 'from after the loss', worker_id: tested.worker.workerId, attempt: 2 });
  expect(await workers()).toMatchObject([
    { worker_id: oldId, status: 'dead' },
    { worker_id: tested.worker.workerId, status: 'running' },
  ]);
  await untilStatus(db.pool, await embed(db.pool, ['it goes on']), 'completed');
});

test('a process that was stopped past its lease loses its work to another one, and then goes on', async () => {
  await using frozen = await spawnWorker({ uri: db.uri, ...SHORT, provider: { maxBatch: 4 } });
  const ids = await embed(db.pool, ['!sleep:300', 'b', 'c', 'd']);
  await eventually(async () => {
    expect((await rowsOf(db.pool, ids)).map(({ status }) => status)).toEqual(ids.map(() => 'processing'));
  });
  frozen.kill('SIGSTOP');
  await using other = await startTestWorker({ uri: db.uri, ...SHORT });
  const rows = await untilStatus(db.pool, ids, 'completed');
  // Neighbours in a batch are not charged.
  expect(rows).toMatchObject(ids.map(() => ({ attempt: 2, retry_count: 0, worker_id: other.worker.workerId })));

  frozen.kill('SIGCONT');
  await frozen.waitForLine(/the lease was lost/);
  expect(await rowsOf(db.pool, ids)).toEqual(rows);
  await other.worker.stop();
  const [next] = await untilStatus(db.pool, await embed(db.pool, ['after the freeze']), 'completed');
  expect(next?.worker_id).not.toBe(frozen.workerId);
});

test('a claim that was committed while its answer was lost strands nothing', async () => {
  await using proxy = await startFaultProxy(Number(new URL(db.uri).port));
  proxy.arm({ statement: /claim_requests/, moment: 'answer', blow: 'cut' });
  const [id = ''] = await embed(db.pool, ['claimed by nobody']);
  await using tested = await startTestWorker({ uri: proxy.through(db.uri), ...SHORT });
  const firstId = tested.worker.workerId;
  const [row] = await untilStatus(db.pool, [id], 'completed');
  expect(row).toMatchObject({ retry_count: 0, worker_id: tested.worker.workerId });
  expect(row?.attempt).toBeGreaterThan(1);
  expect(tested.worker.workerId).not.toBe(firstId);
  expect(tested.warnings().map(({ msg }) => msg)).toContain(
    'the answer to a claim was lost: the worker goes on under a new id',
  );
});

test('what was in flight with a worker under an id that it gave up is finished under that id', async () => {
  const gated = createGatedProvider();
  await using proxy = await startFaultProxy(Number(new URL(db.uri).port));
  await using tested = await startTestWorker({
    uri: proxy.through(db.uri),
    ...SHORT,
    providers: [gated],
    generateModel: 'gated/model',
  });
  const firstId = tested.worker.workerId;
  const held = await generate(db.pool, 'held all along');
  const call = await gated.call('held all along');
  proxy.arm({ statement: /claim_requests/, moment: 'answer', blow: 'cut' });
  const [other = ''] = await embed(db.pool, ['lost claim']);
  await eventually(() => expect(tested.worker.workerId).not.toBe(firstId));
  expect(await rowOf(db.pool, held)).toMatchObject({ status: 'processing', worker_id: firstId, attempt: 1 });
  call.answer('never dropped');
  const [row] = await untilStatus(db.pool, [held], 'completed');
  expect(row).toMatchObject({ result: 'never dropped', worker_id: firstId, attempt: 1 });
  await untilStatus(db.pool, [other], 'completed');
  await eventually(async () => expect((await workers())[0]).toMatchObject({ worker_id: firstId, status: 'stopped' }));
});
