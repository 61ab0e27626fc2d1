/**
 * Tasks: from the commit that queues one to its statement, on an idle worker; what a task costs beside the same text in a session that is
 * opened for it; many short tasks of one role and of fifty; and how long a cancel takes.
 *
 * usage: tsx bench/tasks.ts [--rounds 1] [--requests 10000] [--quick] [--save]
 */

import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { createWorker } from '../src/worker/create-worker.ts';
import { readBenchOptions } from './support/bench-options.ts';
import { openPool, startBenchServer } from './support/bench-server.ts';
import { contenderNamed } from './support/contenders/registry.ts';
import { atMost, publish, type Row } from './support/report.ts';
import { median, percentile, round3 } from './support/statistics.ts';

const options = readBenchOptions({ full: { rounds: 1, requests: 10_000 }, quick: { rounds: 1, requests: 200 } });
const ROLES = 50;
const PROBES = options.isQuick ? 10 : 100;
const PASSWORD = 'bench';

await using server = await startBenchServer();
const uri = await server.createDatabase('bench_tasks');
await contenderNamed('lamplighter-batched').migrate(uri);
const pool = openPool(uri, 4);
const roles = Array.from({ length: ROLES }, (_, n) => `bench_task_${n}`);
for (const role of roles) {
  await pool.query(`drop role if exists ${role}`);
  await pool.query(`create role ${role} login password '${PASSWORD}'`);
  await pool.query('select lamplighter.grant_caller($1)', [role]);
}
await pool.query(
  'create table started (n integer, at timestamptz); grant all on started to public; grant usage on schema public to public',
);
const uriOf = (role: string) => Object.assign(new URL(uri), { username: role, password: PASSWORD }).href;
const worker = await createWorker({ uri, taskRoles: Object.fromEntries(roles.map((role) => [role, uriOf(role)])) });
const [first = ''] = roles;
const caller = new pg.Client(uriOf(first));
await caller.connect();

const queue = async (text: string): Promise<string> =>
  (await caller.query<{ jobid: string }>('select lantern.async_task($1) as jobid', [text])).rows[0]?.jobid ?? '';

async function untilNoneIsLeft(): Promise<void> {
  const left = async () =>
    (
      await pool.query<{ left: boolean }>(
        `select exists (select from lamplighter.task_run where state in ('queued', 'running')) as left`,
      )
    ).rows[0]?.left;
  while ((await left()) === true) await sleep(5);
}

const starts = await measureStarts();
const bare = await measureBareRuns();
const ofOne = await measureMany([first]);
const ofAll = await measureMany(roles);
const cancels = await measureCancels();
const rows: Row[] = [
  row('commit to statement, idle', starts),
  row('the same text in a session opened for it', bare),
  row('cancel to end', cancels),
  { what: `${options.requests} short tasks of one role`, 'tasks/s': round3(ofOne) },
  { what: `${options.requests} short tasks of ${ROLES} roles`, 'tasks/s': round3(ofAll) },
];
await caller.end();
await worker.stop();
for (const role of roles) await pool.query(`drop owned by ${role}; drop role ${role}`);
await pool.end();
await publish(
  {
    bench: 'tasks',
    subject: 'async tasks',
    rows,
    verdicts: [
      atMost('start after commit, idle, p50 ms', median(starts), 10),
      atMost('cancel, p99 ms', percentile(cancels, 0.99), 1_000),
    ],
  },
  options,
  server,
);

function row(what: string, values: readonly number[]): Row {
  return { what, 'p50 ms': round3(median(values)), 'p99 ms': round3(percentile(values, 0.99)) };
}

/** By the clock of the server: from just before the commit that queues a task to its first statement. */
async function measureStarts(): Promise<number[]> {
  const values: number[] = [];
  for (let n = 0; n < PROBES + 5; n += 1) {
    await sleep(150);
    await caller.query('begin');
    await queue(`insert into started values (${n}, clock_timestamp())`);
    const { rows: times } = await caller.query<{ ms: number }>(
      'select extract(epoch from clock_timestamp())::float8 * 1000 as ms',
    );
    await caller.query('commit');
    await untilNoneIsLeft();
    const { rows: found } = await pool.query<{ ms: number }>(
      'select extract(epoch from at)::float8 * 1000 as ms from started where n = $1',
      [n],
    );
    if (n >= 5) values.push((found[0]?.ms ?? Number.NaN) - (times[0]?.ms ?? Number.NaN));
  }
  return values;
}

/** A login, the text and the end of the session: what running it by hand takes. */
async function measureBareRuns(): Promise<number[]> {
  const values: number[] = [];
  for (let n = 0; n < PROBES; n += 1) {
    const startedMs = performance.now();
    const client = new pg.Client(uriOf(first));
    await client.connect();
    await client.query('select 1');
    await client.end();
    values.push(performance.now() - startedMs);
  }
  return values;
}

/** Tasks a second. */
async function measureMany(of: readonly string[]): Promise<number> {
  const each = Math.ceil(options.requests / of.length);
  // The first ones run while others are queued.
  const startedMs = performance.now();
  for (const role of of) {
    const client = new pg.Client(uriOf(role));
    await client.connect();
    await client.query(`select lantern.async_task('select 1') from generate_series(1, $1::integer)`, [each]);
    await client.end();
  }
  await untilNoneIsLeft();
  return (each * of.length * 1_000) / (performance.now() - startedMs);
}

async function measureCancels(): Promise<number[]> {
  const values: number[] = [];
  for (let n = 0; n < Math.min(PROBES, 30); n += 1) {
    const jobid = await queue('select pg_sleep(60)');
    const isRunning = async () =>
      (
        await pool.query(
          `select from lamplighter.task_run where jobid = $1 and state = 'running' and pid is not null`,
          [jobid],
        )
      ).rowCount === 1;
    while (!(await isRunning())) await sleep(2);
    await sleep(20);
    const startedMs = performance.now();
    await caller.query('select lantern.cancel_async_task($1)', [jobid]);
    await untilNoneIsLeft();
    values.push(performance.now() - startedMs);
  }
  return values;
}
