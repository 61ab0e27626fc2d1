import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/log.ts';
import { createTroubles } from '../../src/core/recurring-trouble.ts';
import type { Queryable } from '../../src/db/query.ts';
import { createDeathWatch } from '../../src/process/death-watch.ts';
import { createRescuer } from '../../src/worker/requests/upkeep/rescuer.ts';
import { spawnJournallingWorker } from '../history/journalling-worker.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { rowsOf, untilStatus } from '../support/requests.ts';
import { runDuty } from '../support/run-duty.ts';
import { startSqlWorker } from '../support/sql-worker.ts';
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

/** Sets the clock of the server by so much, as far as sessions of this database see it that have begun since {@link takeClock}. */
async function setClock(offS: number): Promise<void> {
  await rig.pool.query(`
    create or replace function public.server_clock() returns timestamptz
    language plpgsql volatile as 'begin return public.real_clock() + interval ''${offS} seconds''; end';`);
}

/** Puts a clock in the place of the server's. Plans keep what they call, so it is one that can be changed underneath. */
async function takeClock(): Promise<void> {
  await rig.pool.query(
    `create function public.real_clock() returns timestamptz language internal volatile strict as 'clock_timestamp'`,
  );
  await setClock(0);
  await rig.pool.query(`
    create or replace function pg_catalog.clock_timestamp() returns timestamptz
    language sql volatile as 'select public.server_clock()'`);
}

describe("when the server's clock is set", () => {
  beforeAll(takeClock);
  afterEach(() => setClock(0));

  test('an hour forward, every worker has the time of its lease to renew it, and no more', async () => {
    // Sessions of the rig have plans from before.
    const pool = new pg.Pool({ connectionString: db.uri, max: 2 });
    const worker = await startSqlWorker(pool, { leaseMs: 3_000 });
    let passes = 0;
    let isToBeSet = false;
    const counted: Queryable = {
      async query(text, params) {
        if (text.includes('rescue_requests')) {
          passes += 1;
          // At the worst moment: between the look at the clock and the search for the silent.
          if (isToBeSet) await setClock(3_600);
          isToBeSet = false;
        }
        return pool.query(text, params === undefined ? undefined : [...params]);
      },
    };
    const rescue = createRescuer({
      db: counted,
      maxRetries: 3,
      onRescued: () => undefined,
      onFailed: () => undefined,
      log: silentLogger,
      troubles: createTroubles({ log: silentLogger, clock: systemClock }),
    });
    const [duty] = createDeathWatch({ db: counted, intervalMs: 20, leaseMs: 3_000, rescues: [rescue] });
    if (duty === undefined) throw new Error('expected one duty for each rescue');
    const rescuer = runDuty(counted, duty, 20);
    const statusAfter = (least: number) =>
      eventually(async () => {
        expect(passes).toBeGreaterThan(least);
        const text = 'select status from lamplighter.worker where worker_id = $1';
        return (await pool.query(text, [worker.workerId])).rows[0]?.status;
      });
    try {
      expect(await statusAfter(2)).toBe('running');
      isToBeSet = true;
      expect(await statusAfter(passes + 2)).toBe('running');
      expect(await worker.renewLease()).toBe(true);
      await eventually(async () => expect(await statusAfter(0)).toBe('dead'));
    } finally {
      await rescuer.stop();
      await pool.end();
    }
  });

  test('an hour back, who dies is found all the same', async () => {
    await using one = await spawnJournallingWorker(await rig.worker({ concurrency: 2, provider: { maxBatch: 1 } }));
    await using two = await spawnJournallingWorker(await rig.worker({ concurrency: 2, provider: { maxBatch: 1 } }));
    for (const each of [one, two]) await rig.untilAtWork(each.workerId);
    await rig.untilHeld(await rig.enqueue(4, '!sleep:600'));
    two.kill('SIGKILL');
    await setClock(-3_600);
    await rig.expectProven({ mayCharge: true });
  }, 40_000);
});
