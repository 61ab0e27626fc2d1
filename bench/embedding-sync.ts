/**
 * How soon a vector follows its text, and how many rows a second a daemon fills, with a model that costs nothing: what is left is the
 * way from the row to the model and back. Vectors have 384 numbers in a column of real[].
 *
 * Targets: INSERT to visible vector p50 at most 20 ms, p99 at most 100 ms, idle (during a backfill it is only told); at least 20,000 rows a second of backfill.
 *
 * usage: tsx bench/embedding-sync.ts [--rounds 3] [--requests 50000] [--quick] [--save]
 */

import { setTimeout as delay } from 'node:timers/promises';
import { readBenchOptions } from './support/bench-options.ts';
import { startBenchServer } from './support/bench-server.ts';
import { monotonicMs } from './support/monotonic-ms.ts';
import { addNullJob, DIMENSIONS, startNullDaemon } from './support/null-daemon.ts';
import { openPool } from './support/open-pool.ts';
import { atLeast, atMost, publish, type Row } from './support/report.ts';
import { median, percentile, round3 } from './support/statistics.ts';

const GAPS_MS = [5, 50, 300];

const options = readBenchOptions({ full: { rounds: 3, requests: 50_000 }, quick: { rounds: 1, requests: 2_000 } });
await using server = await startBenchServer();
const uri = await server.createDatabase('embedding_sync');
const db = openPool(uri, 4);

const daemon = await startNullDaemon(db, uri);
const rows: Row[] = [];
const rates: number[] = [];
try {
  for (let round = 1; round <= options.rounds; round++) rates.push(await measureBackfill(round));
  rows.push({ what: 'backfill, rows/s', median: Math.round(median(rates)) });
  const idle: number[] = [];
  for (const gapMs of GAPS_MS) {
    const times = await measureLatency(gapMs, `live_${gapMs}`);
    idle.push(...times);
    rows.push({
      what: `INSERT to visible vector, every ${gapMs} ms`,
      p50: round3(percentile(times, 0.5)),
      p99: round3(percentile(times, 0.99)),
    });
  }
  const busyTimes = await measureBusy();
  rows.push({
    what: 'INSERT to visible vector, every 50 ms, during the backfill of another table',
    p50: round3(percentile(busyTimes, 0.5)),
    p99: round3(percentile(busyTimes, 0.99)),
  });
  await publish(
    {
      bench: 'embedding-sync',
      subject: `a daemon with a null model of ${DIMENSIONS} dimensions, one process; times in ms`,
      rows,
      verdicts: [
        atLeast('rows/s of backfill', median(rates), 20_000),
        atMost('INSERT to visible vector p50, ms', percentile(idle, 0.5), 20),
        atMost('INSERT to visible vector p99, ms', percentile(idle, 0.99), 100),
      ],
    },
    options,
    server,
  );
} finally {
  await daemon.stop({ isImmediate: true });
  await db.end();
}

/** Rows a second from the first vector to the last. */
async function measureBackfill(round: number): Promise<number> {
  const table = `filled_${round}`;
  await db.query(`create table ${table} (id integer primary key, body text)`);
  await db.query(`insert into ${table} select n, 'text number ' || n from generate_series(1, $1::int) as n`, [
    options.requests,
  ]);
  await server.checkpoint();
  await addNullJob(db, table);
  // What was embedded is counted where the daemon does so, in the transaction of the vectors: 18,400 rows a second, against 16,000 in the same
  // run where vectors were counted in the table each 50 ms.
  const count = async () => {
    const { rows: found } = await db.query<{ count: number }>(
      `select coalesce(sum(d.texts), 0)::int as count
       from lamplighter.embedding_day as d
       join lamplighter.embedding_job as j on j.id = d.job and j.table_name = $1`,
      [table],
    );
    return found[0]?.count ?? 0;
  };
  // By then the daemon has installed its schema.
  while (!(await hasColumn(table))) await delay(5);
  while ((await count()) === 0) await delay(5);
  const startedMs = monotonicMs();
  const before = await count();
  while ((await count()) < options.requests) await delay(20);
  return ((options.requests - before) / (monotonicMs() - startedMs)) * 1_000;
}

async function hasColumn(table: string): Promise<boolean> {
  const { rowCount } = await db.query(
    `select from pg_attribute where attrelid = $1::regclass and attname = 'embedding' and not attisdropped`,
    [table],
  );
  return rowCount === 1;
}

/** What came while the backfill ran; fewer figures where it is over sooner. */
async function measureBusy(): Promise<number[]> {
  await db.query('create table busy (id integer primary key, body text)');
  await db.query(`insert into busy select n, 'text number ' || n from generate_series(1, $1::int) as n`, [
    4 * options.requests,
  ]);
  return measureLatency(50, 'live_busy', async (count) => {
    if (count === 0) await addNullJob(db, 'busy');
    const { rows: found } = await db.query<{ running: boolean }>(
      `select exists (select from jobs where "table" = 'busy' and init_finished_at is null) as running`,
    );
    return found[0]?.running ?? false;
  });
}

/** @param goesOn told how many were measured. @default always */
async function measureLatency(
  gapMs: number,
  table: string,
  goesOn: (count: number) => Promise<boolean> = async () => true,
): Promise<number[]> {
  await db.query(`create table ${table} (id integer primary key, body text)`);
  await addNullJob(db, table);
  while (!(await hasColumn(table))) await delay(5);
  await delay(2_000);
  const times: number[] = [];
  const samples = options.isQuick ? 5 : 100;
  for (let id = 1; id <= samples; id++) {
    if (!(await goesOn(times.length))) break;
    const startedMs = monotonicMs();
    await db.query(`insert into ${table} values ($1, $2)`, [id, `text ${id}`]);
    for (;;) {
      const { rows: found } = await db.query<{ there: boolean }>(
        `select embedding is not null as there from ${table} where id = $1`,
        [id],
      );
      if (found[0]?.there === true) break;
    }
    times.push(monotonicMs() - startedMs);
    await delay(gapMs);
  }
  return times;
}
