import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { spawnJournallingWorker } from '../history/journalling-worker.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import type { WorkerProcess } from '../support/test-worker.ts';
import { type Blow, type FaultProxy, type Moment, startFaultProxy } from './support/fault-proxy.ts';
import { createRig, type Rig } from './support/fault-rig.ts';

let db: TestDatabase;
let proxy: FaultProxy;
let rig: Rig;
let worker: WorkerProcess;
beforeAll(async () => {
  db = await createTestDatabase();
  proxy = await startFaultProxy(Number(new URL(db.uri).port));
  rig = await createRig(db);
  const options = await rig.worker();
  worker = await spawnJournallingWorker({
    ...options,
    actor: { ...options.actor, uri: proxy.through(options.actor.uri) },
  });
});
// The server still holds the sessions that froze.
afterEach(() => void proxy.strikeAll('cut'));
afterAll(async () => {
  await worker[Symbol.asyncDispose]();
  await rig[Symbol.asyncDispose]();
  await proxy[Symbol.asyncDispose]();
  await db[Symbol.asyncDispose]();
});

/** Resolves when no living worker holds anything. */
const untilIdle = () =>
  eventually(async () => {
    const { rows } = await rig.pool.query<{ in_flight: number }>(
      `select in_flight from steadytext_worker_status() where status in ('running', 'stopping')`,
    );
    expect(rows.map(({ in_flight }) => in_flight)).toEqual([0]);
  });

test.each<[Moment, Blow]>([
  ['request', 'cut'],
  ['half-request', 'cut'],
  ['answer', 'cut'],
  ['half-answer', 'half-close'],
  ['answer', 'freeze'],
])(
  'a connection hit in its %s by a %s, in a claim, a finish and a heartbeat: all end once, and nobody is charged',
  async (moment, blow) => {
    const faults = [/claim_requests/, /finish_requests/, /renew_lease/].map((statement) =>
      proxy.arm({ statement, moment, blow }),
    );
    await rig.enqueue(12, '!sleep:10');
    await eventually(() => expect(faults.map(({ strikes }) => strikes)).toEqual([1, 1, 1]));
    await rig.enqueue(12);
    await rig.expectProven();
    await untilIdle();
  },
);

test('connections that all freeze at once are given up, the listening one too, and work goes on', async () => {
  await rig.untilHeld(await rig.enqueue(4, '!sleep:200'));
  expect(proxy.strikeAll('freeze')).toBeGreaterThan(1);
  await rig.enqueue(8);
  await rig.expectProven();
  await untilIdle();
});
