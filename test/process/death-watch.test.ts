import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import process from 'node:process';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { HOST_PREFIX } from '../../src/core/host-process.ts';
import { silentLogger } from '../../src/core/log.ts';
import { createTroubles } from '../../src/core/recurring-trouble.ts';
import { createDeathWatch, type Reachability } from '../../src/process/death-watch.ts';
import type { Duty } from '../../src/process/duties.ts';
import { registerWorker } from '../../src/process/renew-lease.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

const LEASE_MS = 2_000;

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
});
afterAll(() => db[Symbol.asyncDispose]());

const troubles = createTroubles({ log: silentLogger, clock: systemClock });

async function registerSilent(): Promise<string> {
  const id = await registerWorker(db.pool, {
    kind: 'daemon',
    hostname: 'h',
    pid: 1,
    version: '0',
    lanes: [],
    concurrency: 0,
    leaseMs: LEASE_MS,
  });
  await db.pool.query(
    `update lamplighter.worker set last_heartbeat = now() - interval '1 minute', started_at = now() - interval '1 hour'
     where worker_id = $1`,
    [id],
  );
  return id;
}

async function statusOf(id: string): Promise<string | undefined> {
  const text = 'select status from lamplighter.worker where worker_id = $1';
  return (await db.pool.query<{ status: string }>(text, [id])).rows[0]?.status;
}

/** As the only process would after a heartbeat `agoMs` ago and one now. */
async function runAfterHeartbeats(duty: Duty, agoMs: number): Promise<void> {
  const nowMs = Date.now();
  const heartbeat = (ms: number) => ({ startedMs: ms, endedMs: ms, serverMs: ms });
  duty.noteHeartbeat?.(heartbeat(nowMs - agoMs));
  duty.noteHeartbeat?.(heartbeat(nowMs));
  await duty.run(heartbeat(nowMs), new AbortController().signal);
}

function watch(rescue: (reachability: Reachability) => Promise<void>): Duty {
  const [duty] = createDeathWatch({
    db: db.pool,
    intervalMs: 1_000,
    leaseMs: LEASE_MS,
    rescues: [{ name: 'rescue_things', run: rescue, trouble: troubles.define('rescue things') }],
  });
  if (duty === undefined) throw new Error('expected a duty for each rescue');
  return duty;
}

test('whoever is silent is dead when the rescue runs, whatever the process works on', async () => {
  const id = await registerSilent();
  let seen: string | undefined;
  await runAfterHeartbeats(
    watch(async () => {
      seen = await statusOf(id);
    }),
    2 * LEASE_MS,
  );
  expect(seen).toBe('dead');
});

test('nobody is while the server has been back for less than a lease, and such a process takes turns of its own', async () => {
  const id = await registerSilent();
  const duty = watch(async () => undefined);
  expect(duty.name()).toBe('rescue_things');
  duty.noteHeartbeat?.(undefined);
  expect(duty.name()).toBe('rescue_things_recent');
  await runAfterHeartbeats(duty, LEASE_MS / 2);
  expect(await statusOf(id)).toBe('running');
  await runAfterHeartbeats(duty, 0);
  expect(duty.name()).toBe('rescue_things_recent');
});

test('a rescue that the server refuses for its own sake forgets nothing about the server', async () => {
  const duty = watch(async () => void (await db.pool.query('select 1/0')));
  await expect(runAfterHeartbeats(duty, LEASE_MS)).rejects.toMatchObject({ code: '22012' });
  expect(duty.name()).toBe('rescue_things');
});

test.runIf(process.platform === 'linux')(
  'a process of this host that has ended is dead after a quarter of its lease; one that hangs, is heard of, or is another login’s, is not',
  async () => {
    const [ended, hanging] = [0, 1].map(() => spawn('sleep', ['60'], { stdio: 'ignore' }));
    if (ended === undefined || hanging === undefined) throw new Error('expected two processes');
    await Promise.all([once(ended, 'spawn'), once(hanging, 'spawn')]);
    hanging.kill('SIGSTOP');
    const ids = await Promise.all([ended, hanging, ended, ended].map((child) => registerAs(child)));
    await db.pool.query(`update lamplighter.worker set username = 'somebody' where worker_id = $1`, [ids[2]]);
    await db.pool.query('update lamplighter.worker set last_heartbeat = now() where worker_id = $1', [ids[3]]);
    ended.kill('SIGKILL');
    await once(ended, 'exit');
    await runAfterHeartbeats(
      watch(async () => undefined),
      0,
    );
    expect(await Promise.all(ids.map(statusOf))).toEqual(['dead', 'running', 'running', 'running']);
    hanging.kill('SIGKILL');
  },
);

/** Registers a process of this host that has not renewed its lease for more than a quarter of it. */
async function registerAs(child: ChildProcess): Promise<string> {
  const id = await registerSilent();
  const stat = readFileSync(`/proc/${child.pid}/stat`, 'utf8');
  const start = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  await db.pool.query(
    `update lamplighter.worker set last_heartbeat = now() - interval '800 ms', host_process = $2 where worker_id = $1`,
    [id, `${HOST_PREFIX} ${child.pid} ${start}`],
  );
  return id;
}
