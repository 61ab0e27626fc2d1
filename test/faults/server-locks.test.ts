import { afterAll, beforeAll, expect, test } from 'vitest';
import { spawnJournallingWorker } from '../history/journalling-worker.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { rowsOf, untilStatus } from '../support/requests.ts';
import { openSession } from '../support/sql-session.ts';
import type { WorkerProcess } from '../support/test-worker.ts';
import { createRig, type Rig, SHORT_LEASE } from './support/fault-rig.ts';

let db: TestDatabase;
let rig: Rig;
let workers: WorkerProcess[];
beforeAll(async () => {
  db = await createTestDatabase();
  rig = await createRig(db);
  // As few connections as there may be: what hangs must not keep the heartbeat from its turn.
  const few = { concurrency: 4, maxConnections: 4 };
  const options = [await rig.worker(few), await rig.worker(few)];
  workers = await Promise.all(options.map(spawnJournallingWorker));
});
afterAll(async () => {
  for (const worker of workers ?? []) await worker[Symbol.asyncDispose]();
  await rig?.[Symbol.asyncDispose]();
  await db[Symbol.asyncDispose]();
});

/** What the two workers are called and whether they live, as they were started. */
async function expectAllAlive(): Promise<void> {
  const { rows } = await rig.pool.query<{ worker_id: string; status: string }>(
    'select worker_id, status from lamplighter.worker order by worker_id',
  );
  const expected = workers.map(({ workerId }) => ({ worker_id: workerId, status: 'running' }));
  expect(rows).toEqual(expected.sort((a, b) => (a.worker_id < b.worker_id ? -1 : 1)));
}

/** Resolves after the time of so many leases. */
async function outlast(leases: number): Promise<void> {
  const startedMs = performance.now();
  await eventually(() => expect(performance.now() - startedMs).toBeGreaterThan(SHORT_LEASE.leaseMs * leases));
}

test('rows that a caller has locked while they are being finished are recorded when he lets go, and hold up nobody', async () => {
  const ids = await rig.enqueue(8, '!sleep:200');
  await rig.untilHeld(ids);
  await using caller = await openSession(db.uri);
  const locked = [ids[1] ?? '', ids[6] ?? ''];
  rig.callers.noteLocked(locked);
  await caller.client.query('begin');
  const edit = 'update steadytext_queue set retry_count = 1 - retry_count where request_id = $1';
  for (const id of [...locked, ...locked]) {
    await rig.callers.act('edit', id, async () => (await caller.client.query(edit, [id])).rowCount === 1);
  }
  await untilStatus(
    rig.pool,
    ids.filter((id) => !locked.includes(id)),
    'completed',
  );
  await untilStatus(rig.pool, await rig.enqueue(20), 'completed');
  expect((await rowsOf(rig.pool, locked)).map(({ status }) => status)).toEqual(['processing', 'processing']);
  await caller.client.query('commit');
  await rig.expectProven();
  await expectAllAlive();
});

test.each<[string, number]>([
  ['share', 3],
  ['access exclusive', 1.1],
])('a table that is locked in %s mode for %d leases costs time and nothing else', async (mode, leases) => {
  const ids = await rig.enqueue(6, '!sleep:200');
  await rig.untilHeld(ids);
  await using caller = await openSession(db.uri);
  await caller.client.query('begin');
  await caller.client.query(`lock table steadytext_queue in ${mode} mode`);
  await outlast(leases);
  // What was given up meanwhile does not wait on at the server, beside its repetition.
  await eventually(
    async () => {
      const { rows } = await rig.pool.query(
        `select from pg_stat_activity
       where datname = current_database() and application_name = 'lamplighter worker' and wait_event_type = 'Lock'`,
      );
      expect(rows.length).toBeLessThanOrEqual(workers.length);
    },
    { timeoutMs: 3_000 },
  );
  await caller.client.query('commit');
  await rig.enqueue(6);
  await rig.expectProven();
  await expectAllAlive();
});

test('a snapshot that is held throughout keeps nobody from working', async () => {
  await using caller = await openSession(db.uri);
  await caller.client.query('begin isolation level repeatable read');
  const before = await caller.client.query('select count(*) from steadytext_queue');
  const load = rig.startCaller();
  await eventually(() => expect(load.accepted).toBeGreaterThan(25));
  await load.stop();
  await rig.expectProven();
  expect((await caller.client.query('select count(*) from steadytext_queue')).rows).toEqual(before.rows);
  expect(load.failed).toBe(0);
});
