import { afterAll, beforeAll, expect, test } from 'vitest';
import { spawnJournallingWorker } from '../history/journalling-worker.ts';
import { eventually } from '../support/eventually.ts';
import { rowsOf } from '../support/requests.ts';
import { createRig } from './support/fault-rig.ts';
import { type FaultServer, startFaultServer } from './support/fault-server.ts';
import { mountSmallDisk } from './support/small-disk.ts';

const disk = await mountSmallDisk(48);
const refusal = 'refusal' in disk ? disk.refusal : undefined;

let server: FaultServer;
beforeAll(async () => {
  if (refusal === undefined) server = await startFaultServer();
});
afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
  if (!('refusal' in disk)) await disk[Symbol.asyncDispose]();
});

test('a full disk stops enqueuers and workers for as long as it is full; nothing is lost, and nobody is charged', async (context) => {
  if ('refusal' in disk) return context.skip(disk.refusal);
  await using rig = await createRig(await server.createDatabase(disk.folder));
  await using worker = await spawnJournallingWorker(await rig.worker());
  const caller = rig.startCaller();
  await eventually(() => expect(caller.accepted).toBeGreaterThan(10));
  const ids = await rig.enqueue(4, '!sleep:300');
  await rig.untilHeld(ids);
  await disk.fill();
  // No space for new requests, and none to record what has been answered.
  const failed = caller.failed;
  await eventually(() => expect(caller.failed).toBeGreaterThan(failed + 5));
  // More often than a batch is tried before its rows are thought bad one by one.
  const tries = () => worker.stderr().match(/No space left.*could not record results yet/g)?.length ?? 0;
  await eventually(() => expect(tries()).toBeGreaterThan(6));
  expect((await rowsOf(rig.pool, ids)).map(({ status }) => status)).toContain('processing');

  await disk.free();
  const accepted = caller.accepted;
  await eventually(() => expect(caller.accepted).toBeGreaterThan(accepted + 10), { timeoutMs: 15_000 });
  await caller.stop();
  await rig.expectProven();
});
