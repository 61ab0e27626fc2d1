/**
 * The first fill of a large table: rows a second, memory of the process, and what the table and the notes of the daemon weigh then.
 * A null model of 384 dimensions. One round takes minutes at a million rows; `--requests` makes it shorter.
 *
 * usage: tsx bench/large-backfill.ts [--rounds 1] [--requests 1000000 (rows)] [--quick] [--save]
 */

import process from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';
import { readBenchOptions } from './support/bench-options.ts';
import { startBenchServer } from './support/bench-server.ts';
import { monotonicMs } from './support/monotonic-ms.ts';
import { addNullJob, startNullDaemon, untilFilled } from './support/null-daemon.ts';
import { openPool } from './support/open-pool.ts';
import { atMost, publish, type Row } from './support/report.ts';
import { round3 } from './support/statistics.ts';

const options = readBenchOptions({ full: { rounds: 1, requests: 1_000_000 }, quick: { rounds: 1, requests: 5_000 } });
const MEGABYTE = 1_000_000;

await using server = await startBenchServer();
const uri = await server.createDatabase('large_backfill');
const db = openPool(uri, 4);
const daemon = await startNullDaemon(db, uri);
const rows: Row[] = [];
let mostGrown = 0;
for (let round = 1; round <= options.rounds; round += 1) {
  const table = `large_${round}`;
  await db.query(`create table ${table} (id integer primary key, body text)`);
  await db.query(`insert into ${table} select n, 'text number ' || n from generate_series(1, $1::int) as n`, [
    options.requests,
  ]);
  await server.checkpoint();
  const idleBytes = process.memoryUsage().rss;
  let peakBytes = idleBytes;
  const done = new AbortController();
  const watched = (async () => {
    while (!done.signal.aborted) {
      peakBytes = Math.max(peakBytes, process.memoryUsage().rss);
      await delay(100);
    }
  })();
  const [startMs, cpuBefore, nodeBefore] = [monotonicMs(), await server.cpuSeconds(), process.cpuUsage()];
  await addNullJob(db, table);
  await untilFilled(db, [table]);
  const seconds = (monotonicMs() - startMs) / 1_000;
  const cpuAfter = await server.cpuSeconds();
  const { user, system } = process.cpuUsage(nodeBefore);
  done.abort();
  await watched;
  const sizes = await db.query<{ filled: string; stamps: string; log: string; dead: string }>(
    `select pg_table_size($1) as filled, pg_total_relation_size('lamplighter.embedding_stamp') as stamps,
            pg_total_relation_size('lamplighter.change') as log,
            (select n_dead_tup from pg_stat_all_tables where relid = $1::regclass) as dead`,
    [table],
  );
  await db.query(`create table packed as table ${table}`);
  const packed = await db.query<{ bytes: string }>(`select pg_table_size('packed') as bytes`);
  await db.query('drop table packed');
  const bytes = Number(sizes.rows[0]?.filled);
  const grown = (peakBytes - idleBytes) / MEGABYTE;
  mostGrown = Math.max(mostGrown, grown);
  const perRow = (value: number) => round3(value / options.requests);
  rows.push({
    rows: options.requests,
    'rows/s': Math.round(options.requests / seconds),
    'server us': cpuBefore === undefined || cpuAfter === undefined ? undefined : perRow((cpuAfter - cpuBefore) * 1e6),
    'daemon us': perRow(user + system),
    'memory MB above idle': Math.round(grown),
    'table MB': Math.round(bytes / MEGABYTE),
    'of one written at once': round3(bytes / Number(packed.rows[0]?.bytes)),
    'stamps, bytes a row': perRow(Number(sizes.rows[0]?.stamps)),
    'change log MB': Math.round(Number(sizes.rows[0]?.log) / MEGABYTE),
  });
}
await daemon.stop();
await db.end();
await publish(
  {
    bench: 'large-backfill',
    subject: 'the first fill of a large table by one daemon with a null model',
    rows,
    verdicts: [atMost('memory of the daemon above idle, MB', Math.round(mostGrown), 150)],
  },
  options,
  server,
);
