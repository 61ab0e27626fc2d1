/**
 * What a claim of 500 changed rows costs as the change log grows, while no daemon serves it or more is changed than is embedded. The claim
 * is taken back each time, so that the log stays as long as it is.
 *
 * Target: at a million changes at most 1.5 times the time of a claim at a thousand.
 *
 * usage: tsx bench/change-log.ts [--rounds 20 (claims at each size)] [--requests 1000000 (most changes)] [--quick] [--save]
 */

import { connectClient } from '../src/db/connection/connect-client.ts';
import { resolveConnection } from '../src/db/connection/connection-settings.ts';
import { migrate } from '../src/db/migrate/migrate.ts';
import { createPool } from '../src/db/pool.ts';
import { claimChanges } from '../src/embeddings/claim-changes.ts';
import { prepareJob } from '../src/embeddings/prepare-job.ts';
import { startSqlWorker } from '../test/support/sql-worker.ts';
import { readBenchOptions } from './support/bench-options.ts';
import { startBenchServer } from './support/bench-server.ts';
import { monotonicMs } from './support/monotonic-ms.ts';
import { openPool } from './support/open-pool.ts';
import { atMost, publish, type Row } from './support/report.ts';
import { median, percentile, round3 } from './support/statistics.ts';

const options = readBenchOptions({ full: { rounds: 20, requests: 1_000_000 }, quick: { rounds: 2, requests: 10_000 } });
const CLAIM = 500;

await using server = await startBenchServer();
const uri = await server.createDatabase('change_log');
const settings = resolveConnection({ uri }, {});
const session = await connectClient(settings);
await migrate(session);
await session.end();
const db = openPool(uri, 2);
await db.query('create table changed (id integer primary key, body text)');
await db.query(`insert into changed select n, 'text number ' || n from generate_series(1, $1::int) as n`, [
  options.requests,
]);
await db.query('vacuum analyze changed');
const pool = createPool(settings);
const { workerId: holderId } = await startSqlWorker(db, { leaseMs: 3_600_000 });
const job = await prepareJob(pool, {
  controlId: 'bench',
  jobId: '1',
  schema: 'public',
  table: 'changed',
  srcColumn: 'body',
  dstColumn: 'embedding',
  model: 'none',
  dimensions: 3,
  trustedOwners: [],
});

const rows: Row[] = [];
let logged = 0;
for (let size = 1_000; size <= options.requests; size *= 10) {
  // Users change rows one after the other; another job of the database has as many changes again.
  await db.query(`update changed set body = body || '.' where id > $1 and id <= $2`, [logged, size]);
  await db.query(
    `insert into lamplighter.change (job, key) select 0, array[n::text] from generate_series($1::int, $2::int) as n`,
    [logged + 1, size],
  );
  logged = size;
  await db.query('vacuum analyze lamplighter.change');
  const times: number[] = [];
  for (let claim = 0; claim <= options.rounds; claim += 1) {
    const startMs = monotonicMs();
    const { batch } = await claimChanges(pool, job, { holderId, limit: CLAIM });
    const tookMs = monotonicMs() - startMs;
    if (batch === undefined || batch.rows.length !== CLAIM) throw new Error('the claim took something else');
    if (claim > 0) times.push(tookMs);
    await db.query(
      `with gone as (delete from lamplighter.embedding_batch where id = $1 returning keys)
       insert into lamplighter.change (job, key) select $2, k::text[] from gone, unnest(gone.keys) as k`,
      [batch.id, job.id],
    );
  }
  rows.push({
    changes: size,
    'median ms': round3(median(times)),
    'p95 ms': round3(percentile(times, 0.95)),
  });
}
await pool.end();
await db.end();
const [first, last] = [rows[0]?.['median ms'], rows.at(-1)?.['median ms']];
await publish(
  {
    bench: 'change-log',
    subject: `a claim of ${CLAIM} changed rows by the length of the change log`,
    rows,
    verdicts: [atMost('claim at the most changes, of one at the fewest', round3(Number(last) / Number(first)), 1.5)],
  },
  options,
  server,
);
