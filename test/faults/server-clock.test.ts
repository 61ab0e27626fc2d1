import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { spawnJournallingWorker } from '../history/journalling-worker.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { rowsOf, untilStatus } from '../support/requests.ts';
import type { WorkerProcess } from '../support/test-worker.ts';
import { createRig, type Rig, SHORT_LEASE } from './support/fault-rig.ts';

const HOUR_MS = 3_600_000;

let db: TestDatabase;
let rig: Rig;
beforeAll(async () => {
  db = await createTestDatabase();
  rig = await createRig(db);
});
afterAll(async () => {
  await rig[Symbol.asyncDispose]();
  await db[Symbol.asyncDispose]();
});

/** A worker on a host whose clock is off: the wall clock of its process is, the monotonic one is not. */
async function spawnOff(offMs: number): Promise<WorkerProcess> {
  const program = `
    const Real = Date;
    globalThis.Date = class extends Real {
      constructor(...given) { if (given.length === 0) super(Real.now() + ${offMs}); else super(...given); }
      static now() { return Real.now() + ${offMs}; }
    };`;
  vi.stubEnv('NODE_OPTIONS', `--import=data:text/javascript,${encodeURIComponent(program)}`);
  try {
    const worker = await spawnJournallingWorker(await rig.worker({ concurrency: 2, provider: { maxBatch: 1 } }));
    const [, time = ''] = /"time":"([^"]+)"/.exec(await worker.waitForLine(/"time":/)) ?? [];
    expect(Math.abs(Date.parse(time) - Date.now() - offMs)).toBeLessThan(HOUR_MS / 2);
    return worker;
  } finally {
    vi.unstubAllEnvs();
  }
}

test('workers whose clocks are an hour off, both ways, keep their leases, rescue each other and back off as ever', async () => {
  await using fast = await spawnOff(HOUR_MS);
  await using slow = await spawnOff(-HOUR_MS);
  const again = await rig.enqueue(2, '!fail-times:1');
  const caller = rig.startCaller();
  const startedMs = performance.now();
  await eventually(() => expect(performance.now() - startedMs).toBeGreaterThan(SHORT_LEASE.leaseMs * 1.2));
  await caller.stop();
  // The next try waits by the clock of the database; tries are counted by each process.
  for (const { retry_count } of await untilStatus(rig.pool, again, 'completed')) expect([1, 2]).toContain(retry_count);
  const { rows } = await rig.pool.query<{ worker_id: string }>(
    `select worker_id from steadytext_worker_status() where status = 'running' and processed > 0`,
  );
  expect(rows.map(({ worker_id }) => worker_id).sort()).toEqual([fast.workerId, slow.workerId].sort());

  const ids = await rig.enqueue(4, '!sleep:600');
  const held = await rig.untilHeld(ids);
  fast.kill('SIGKILL');
  await rig.expectProven({ mayCharge: true });
  const owners = new Set((await rowsOf(rig.pool, ids)).map(({ worker_id }) => worker_id));
  expect(held.some(({ worker_id }) => worker_id === fast.workerId)).toBe(true);
  expect([...owners]).toEqual([slow.workerId]);
}, 40_000);
