import { afterAll, beforeAll, expect, test } from 'vitest';
import { spawnJournallingWorker } from '../history/journalling-worker.ts';
import { eventually } from '../support/eventually.ts';
import { rowsOf } from '../support/requests.ts';
import { startTestWorker, type WorkerProcess } from '../support/test-worker.ts';
import { type FaultProxy, startFaultProxy } from './support/fault-proxy.ts';
import { createRig, type Rig, SHORT_LEASE } from './support/fault-rig.ts';
import { type FaultServer, promote, startFaultServer, startStandby } from './support/fault-server.ts';

let primary: FaultServer;
let standby: FaultServer;
/** The name that leads to whoever is the primary, as a virtual address or DNS does. */
let name: FaultProxy;
let rig: Rig;
let workers: WorkerProcess[];
beforeAll(async () => {
  primary = await startFaultServer();
  const database = await primary.createDatabase();
  rig = await createRig(database);
  standby = await startStandby(primary);
  name = await startFaultProxy(primary.port);
  await rig.reroute(name.through(database.uri));
  // Each gives the other the time of the other's own lease to come back, whatever its own.
  const byName = await rig.worker({ functions: ['generate'], leaseMs: 4_000, logLevel: 'debug' });
  const byList = await rig.worker({ functions: ['embed'] });
  const list = byList.actor.uri.replace(/:\d+\//, `:${primary.port},127.0.0.1:${standby.port}/`);
  workers = await Promise.all([
    spawnJournallingWorker({ ...byName, actor: { ...byName.actor, uri: name.through(byName.actor.uri) } }),
    spawnJournallingWorker({
      ...byList,
      actor: { ...byList.actor, uri: `${list}?target_session_attrs=primary` },
    }),
  ]);
}, 60_000);
afterAll(async () => {
  for (const worker of workers ?? []) await worker[Symbol.asyncDispose]();
  await rig?.[Symbol.asyncDispose]();
  await name?.[Symbol.asyncDispose]();
  await standby?.[Symbol.asyncDispose]();
  await primary?.[Symbol.asyncDispose]();
});

test('when a standby takes over after longer than the lease, all that was accepted ends once, and nobody is charged or thought dead', async () => {
  const { actor, handlers: _, ...options } = await rig.worker();
  const caller = rig.startCaller();
  await eventually(() => expect(caller.accepted).toBeGreaterThan(10));
  const [byName, byList] = workers;
  // An embedding: the other worker does not serve it.
  const ids = await rig.enqueue(1, '!sleep:3000');
  const held = await rig.untilHeld(ids);
  // Whatever is accepted carries the claims before it to the standby, which were not awaited.
  await rig.untilHeld(await rig.enqueue(2, '!sleep:600'));
  const carried = caller.accepted;
  await eventually(() => expect(caller.accepted).toBeGreaterThan(carried + 1));
  await primary.stop('kill');
  // One worker comes back late; the other one is led to the standby before it has been promoted: it can read there, but not write.
  byList?.kill('SIGSTOP');
  name.pointAt(standby.port);
  const downMs = performance.now();
  await eventually(() => expect(performance.now() - downMs).toBeGreaterThan(SHORT_LEASE.leaseMs * 1.1));
  expect(caller.failed).toBeGreaterThan(2);
  await byName?.waitForLine(/cannot execute .* in a read-only transaction.*could not record results/);
  await promote(standby);

  await using starter = await startTestWorker({ ...options, uri: name.through(actor.uri), functions: ['rerank'] });
  await rig.untilAtWork(starter.worker.workerId);
  expect(await rowsOf(rig.pool, ids)).toEqual(held);
  byList?.kill('SIGCONT');
  const accepted = caller.accepted;
  await eventually(() => expect(caller.accepted).toBeGreaterThan(accepted + 10), { timeoutMs: 15_000 });
  await caller.stop();
  await rig.expectProven();
  expect(await rowsOf(rig.pool, ids)).toMatchObject(held.map(({ worker_id }) => ({ worker_id, attempt: 1 })));
}, 30_000);
