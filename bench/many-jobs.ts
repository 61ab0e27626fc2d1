/**
 * A hundred jobs in one daemon: how long until all tables are filled, what the daemon and the server cost while nothing happens (each job
 * looks once a second, and the jobs table is read twice a second), how many connections that takes, and how soon a vector follows an
 * INSERT into any of the tables.
 *
 * usage: tsx bench/many-jobs.ts [--rounds 1] [--requests 500 (rows of each table)] [--quick] [--save]
 */

import process from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';
import { readBenchOptions } from './support/bench-options.ts';
import { startBenchServer } from './support/bench-server.ts';
import { monotonicMs } from './support/monotonic-ms.ts';
import { addNullJob, startNullDaemon, untilFilled } from './support/null-daemon.ts';
import { openPool } from './support/open-pool.ts';
import { atMost, publish, type Row } from './support/report.ts';
import { percentile, round3 } from './support/statistics.ts';

const options = readBenchOptions({ full: { rounds: 1, requests: 500 }, quick: { rounds: 1, requests: 20 } });
const IDLE_MS = options.isQuick ? 2_000 : 20_000;
const INSERTS = options.isQuick ? 5 : 200;
/** The default of the daemon. */
const POLL_MS = 500;

const rows: Row[] = [];
let worst = 0;
let version = 'unknown';
for (const jobs of options.isQuick ? [1, 5] : [1, 10, 100]) {
  await using server = await startBenchServer();
  version = server.version;
  const uri = await server.createDatabase('many_jobs');
  const db = openPool(uri, 2);
  const daemon = await startNullDaemon(db, uri, { pollIntervalMs: POLL_MS });
  const tables = Array.from({ length: jobs }, (_, at) => `table_${at}`);
  for (const table of tables) {
    await db.query(`create table ${table} (id integer primary key, body text)`);
    await db.query(`insert into ${table} select n, 'text number ' || n from generate_series(1, $1::int) as n`, [
      options.requests,
    ]);
  }
  const startMs = monotonicMs();
  for (const table of tables) await addNullJob(db, table);
  await untilFilled(db, tables);
  const filledMs = monotonicMs() - startMs;

  await delay(2_000);
  const [nodeBefore, serverBefore] = [process.cpuUsage(), await server.cpuSeconds()];
  await delay(IDLE_MS);
  const { user, system } = process.cpuUsage(nodeBefore);
  const serverAfter = await server.cpuSeconds();
  const share = (seconds: number) => round3((seconds / (IDLE_MS / 1_000)) * 100);

  const times: number[] = [];
  for (let at = 0; at < INSERTS; at += 1) {
    const table = tables[(at * 37) % jobs];
    const id = options.requests + at + 1;
    const insertMs = monotonicMs();
    await db.query(`insert into ${table} values ($1, $2)`, [id, `text ${id}`]);
    for (;;) {
      const { rows: found } = await db.query<{ there: boolean }>(
        `select embedding is not null as there from ${table} where id = $1`,
        [id],
      );
      if (found[0]?.there === true) break;
    }
    times.push(monotonicMs() - insertMs);
    await delay(20);
  }
  const sessions = await db.query<{ count: number }>(
    `select count(*)::int as count from pg_stat_activity where application_name like 'lamplighter%'`,
  );
  worst = percentile(times, 0.5);
  rows.push({
    jobs,
    'filled s': round3(filledMs / 1_000),
    'idle: daemon, % of a core': share((user + system) / 1e6),
    'idle: server, % of a core':
      serverBefore === undefined || serverAfter === undefined ? undefined : share(serverAfter - serverBefore),
    connections: sessions.rows[0]?.count,
    'INSERT to vector p50 ms': round3(percentile(times, 0.5)),
    'p99 ms': round3(percentile(times, 0.99)),
  });
  await daemon.stop({ isImmediate: true });
  await db.end();
}
await publish(
  {
    bench: 'many-jobs',
    subject: `jobs of one daemon, each with a table of ${options.requests} rows`,
    rows,
    verdicts: [atMost('INSERT to visible vector p50 with the most jobs, ms', round3(worst), 20)],
  },
  options,
  { version },
);
