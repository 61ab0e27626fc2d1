/**
 * What is left of the speed when ten million requests have passed through: callers fill the queue as fast as a worker drains it, ended
 * requests are deleted after a minute by the worker's retention, and autovacuum does the rest. For each step: requests per second, sizes
 * of table and indexes, dead rows, and how often autovacuum ran.
 *
 * Targets: the last five steps at 0.9 or more of the speed of steps 6 to 10, when deleting has long begun; the table no larger at the end
 * than twice its size at the middle.
 *
 * usage: tsx bench/soak.ts [--requests 10000000] [--quick] [--save]
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { readBenchOptions } from './support/bench-options.ts';
import { openPool, startBenchServer } from './support/bench-server.ts';
import { spawnContender } from './support/contender-worker.ts';
import { contenderNamed, workableNamed } from './support/contenders/registry.ts';
import { atLeast, atMost, publish } from './support/report.ts';
import { median, round3 } from './support/statistics.ts';

const NAME = 'lamplighter-pruning';
const STEPS = 20;
const CHUNK = 5_000;
/** Requests that wait at most. */
const BACKLOG = 50_000;

const options = readBenchOptions({
  full: { rounds: 1, requests: 10_000_000 },
  quick: { rounds: 1, requests: 100_000 },
});
await using server = await startBenchServer({ autovacuum_naptime: '15s' });
const uri = await server.createDatabase('bench_soak');
await workableNamed(NAME).migrate(uri);
const contender = contenderNamed('lamplighter-batched');
const pool = openPool(uri, 3);
const worker = await spawnContender(NAME, uri);
const rows: Awaited<ReturnType<typeof observe>>[] = [];
try {
  let handled = 0;
  await worker.count((count) => {
    handled = count;
  });
  const filling = fill(() => handled);
  let stepMs = performance.now();
  let before = await worker.usage();
  let serverBefore = (await server.cpuSeconds()) ?? Number.NaN;
  for (let step = 1; step <= STEPS; step += 1) {
    const goal = (options.requests / STEPS) * step;
    while (handled < goal) await sleep(20);
    const nowMs = performance.now();
    const after = await worker.usage();
    const serverAfter = (await server.cpuSeconds()) ?? Number.NaN;
    const perRequestUs =
      ((serverAfter - serverBefore + after.cpuSeconds - before.cpuSeconds) * 1e6 * STEPS) / options.requests;
    rows.push(await observe(goal, (options.requests / STEPS / (nowMs - stepMs)) * 1_000, perRequestUs, after.rssBytes));
    console.log(JSON.stringify(rows.at(-1)));
    [stepMs, before, serverBefore] = [nowMs, after, serverAfter];
  }
  await filling;
} finally {
  await worker[Symbol.asyncDispose]();
  await pool.end();
}

const rateOf = (from: number, to: number) => median(rows.slice(from, to).map((row) => row['requests/s']));
const middle = rows[Math.floor(STEPS / 2)];
await publish(
  {
    bench: 'soak',
    subject: `${options.requests.toLocaleString('en')} requests pass through, deleted a minute after they ended`,
    rows,
    verdicts: [
      atLeast(
        'soak: requests/s of the last five steps, of steps 6 to 10',
        round3(rateOf(-5, STEPS) / rateOf(5, 10)),
        0.9,
      ),
      atMost(
        'soak: size of table and indexes at the end, of that in the middle',
        round3(sizeOf(rows.at(-1)) / sizeOf(middle)),
        2,
      ),
    ],
    notes: ['CPU is that of server and worker together, enqueuing and deleting included.'],
  },
  options,
  server,
);

function sizeOf(row: (typeof rows)[number] | undefined): number {
  return row === undefined ? Number.NaN : row['table MB'] + row['indexes MB'];
}

/** Keeps the queue filled, as far as its limit. */
async function fill(handled: () => number): Promise<void> {
  for (let enqueued = 0; enqueued < options.requests; enqueued += CHUNK) {
    while (enqueued - handled() > BACKLOG - CHUNK) await sleep(5);
    await contender.fill(pool, CHUNK);
  }
}

async function observe(passed: number, perSecond: number, cpuUs: number, rssBytes: number) {
  const { rows: sizes } = await pool.query<{
    table_mb: number;
    indexes_mb: number;
    dead: number;
    live: number;
    vacuums: number;
  }>(
    `select (pg_table_size(s.relid) / 1e6)::float8 as table_mb, (pg_indexes_size(s.relid) / 1e6)::float8 as indexes_mb,
            s.n_dead_tup::float8 as dead, s.n_live_tup::float8 as live, s.autovacuum_count::float8 as vacuums
     from pg_stat_user_tables as s
     where s.relid = 'public.steadytext_queue'::regclass`,
  );
  const [size] = sizes;
  return {
    passed,
    'requests/s': Math.round(perSecond),
    'CPU us': round3(cpuUs),
    'table MB': Math.round(size?.table_mb ?? Number.NaN),
    'indexes MB': Math.round(size?.indexes_mb ?? Number.NaN),
    'live rows': size?.live ?? Number.NaN,
    'dead rows': size?.dead ?? Number.NaN,
    autovacuums: size?.vacuums ?? Number.NaN,
    'worker MB': Math.round(rssBytes / 1e6),
  };
}
