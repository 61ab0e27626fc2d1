import { afterAll, beforeAll, expect, test } from 'vitest';
import { spawnJournallingWorker } from '../history/journalling-worker.ts';
import { eventually } from '../support/eventually.ts';
import { rowsOf } from '../support/requests.ts';
import { startTestWorker, type WorkerProcess } from '../support/test-worker.ts';
import { createRig, type Rig, SHORT_LEASE } from './support/fault-rig.ts';
import { type Downfall, type FaultServer, startFaultServer } from './support/fault-server.ts';

let server: FaultServer;
let rig: Rig;
let workers: WorkerProcess[];
beforeAll(async () => {
  server = await startFaultServer();
  rig = await createRig(await server.createDatabase());
  const options = [await rig.worker(), await rig.worker()];
  workers = await Promise.all(options.map(spawnJournallingWorker));
});
afterAll(async () => {
  for (const worker of workers ?? []) await worker[Symbol.asyncDispose]();
  await rig?.[Symbol.asyncDispose]();
  await server?.[Symbol.asyncDispose]();
});

test.each<[string, Downfall]>([
  ['is restarted', 'fast'],
  ['is shut down immediately', 'immediate'],
  ['loses its main process', 'kill'],
])('when the server %s under load, all that was accepted ends once, and nobody is charged', async (_, downfall) => {
  const caller = rig.startCaller();
  await eventually(() => expect(caller.accepted).toBeGreaterThan(10));
  await rig.untilHeld(await rig.enqueue(4, '!sleep:500'));
  await server.stop(downfall);
  await eventually(() => expect(caller.failed).toBeGreaterThan(2));
  await server.start();
  const before = caller.accepted;
  await eventually(() => expect(caller.accepted).toBeGreaterThan(before + 10), { timeoutMs: 15_000 });
  await caller.stop();
  await rig.expectProven();
});

test('a worker that starts after an outage longer than the lease leaves those alone who have not come back yet', async () => {
  const ids = await rig.enqueue(2, '!sleep:4500');
  const held = await rig.untilHeld(ids);
  await server.stop('fast');
  // Late by a moment more than the outage, as after a pause of their own between two tries to reconnect.
  for (const worker of workers) worker.kill('SIGSTOP');
  const downMs = performance.now();
  await eventually(() => expect(performance.now() - downMs).toBeGreaterThan(SHORT_LEASE.leaseMs * 1.1));
  await server.start();
  const { actor, handlers: _, ...options } = await rig.worker();
  await using starter = await startTestWorker({ ...options, uri: actor.uri, functions: ['rerank'] });
  await rig.untilAtWork(starter.worker.workerId);
  expect(await rowsOf(rig.pool, ids)).toEqual(held);
  for (const worker of workers) worker.kill('SIGCONT');
  await rig.expectProven();
  expect(await rowsOf(rig.pool, ids)).toMatchObject(held.map(({ worker_id }) => ({ worker_id, attempt: 1 })));
});

test('a claim that a crash undoes, as nobody waits for its flush, costs a second run and nothing else', async () => {
  // Their commits would flush the claim.
  for (const worker of workers) worker.kill('SIGSTOP');
  await server.stop('fast');
  await server.start({ wal_writer_delay: '10s' });
  await using own = await createRig(await server.createDatabase());
  await using worker = await spawnJournallingWorker(await own.worker());
  const untilIdle = () =>
    eventually(async () => {
      const { rows } = await own.pool.query<{ in_flight: number }>(
        'select in_flight from steadytext_worker_status() where worker_id = $1',
        [worker.workerId],
      );
      expect(rows).toEqual([{ in_flight: 0 }]);
    });

  /** Crashes the server right after a claim, and tells whether the request had to be claimed again. */
  async function crash(): Promise<boolean> {
    const ids = await own.enqueue(1, '!sleep:1000');
    const [held] = await own.untilHeld(ids);
    await server.stop('immediate');
    await server.start({ wal_writer_delay: '10s' });
    await own.expectProven();
    // Both runs have the same fence: the first is broken off when the second is claimed.
    await untilIdle();
    const [ended] = await rowsOf(own.pool, ids);
    return ended?.started_at?.getTime() !== held?.started_at?.getTime();
  }
  // Any other commit in between flushes the claim as well.
  let isUndone = false;
  for (let round = 0; round < 3 && !isUndone; round += 1) isUndone = await crash();
  expect(isUndone).toBe(true);
}, 30_000);
