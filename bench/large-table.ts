/**
 * What the upkeep of the queue costs when the table is many times larger than the server's memory for it: one window of pruning that deletes
 * nothing and one that deletes all it sees, one claim, and one look for what dead workers held, by the number of requests that have ended.
 * Each must cost the same however many there are.
 *
 * usage: tsx bench/large-table.ts [--quick] [--save]; --requests is the number in the largest table, --rounds how often each is measured
 */

import { pruneRequests } from '../src/requests/prune-requests.ts';
import { rescueRequests } from '../src/requests/rescue-requests.ts';
import { startSqlWorker } from '../test/support/sql-worker.ts';
import { readBenchOptions } from './support/bench-options.ts';
import { openPool, startBenchServer } from './support/bench-server.ts';
import { contenderNamed } from './support/contenders/registry.ts';
import { publish } from './support/report.ts';
import { round3 } from './support/statistics.ts';

const WINDOW = 500;
/** Of a result. */
const BYTES = 1_000;
const DAY_MS = 86_400_000;

const options = readBenchOptions({
  full: { rounds: 5, requests: 500_000 },
  quick: { rounds: 3, requests: 50_000 },
});
await using server = await startBenchServer({ shared_buffers: '16MB' });
const uri = await server.createDatabase('bench_large_table');
await contenderNamed('lamplighter-batched').migrate(uri);
const pool = openPool(uri, 1);
await pool.query(`select lamplighter.set('max_queue_size', '0')`);
const rows = [];
let filled = 0;
for (const share of [0.02, 0.2, 1]) rows.push(await measure(Math.round(options.requests * share)));
const [small, , large] = rows;
const ratio = round3(Number(large?.['ms, a window that is kept']) / Number(small?.['ms, a window that is kept']));
await publish(
  {
    bench: 'large-table',
    subject: `upkeep by size; window of pruning, large against small: ${ratio}`,
    rows,
    verdicts: [],
  },
  options,
  server,
);
await pool.end();

async function measure(requests: number): Promise<Record<string, number>> {
  await pool.query(
    `insert into public.steadytext_queue (function_name, parameters, status, result, created_at, started_at, completed_at, run_at)
     select 'embed', '{"text_input": "x"}', 'completed', repeat(md5(i::text), $2), now(), now(), now(), '9000-01-01 00:00+00'
     from generate_series(1, $1) as i`,
    [requests - filled, Math.ceil(BYTES / 32)],
  );
  filled = requests;
  await pool.query('analyze public.steadytext_queue');
  const { rows: sizes } = await pool.query<{ mb: number }>(
    `select pg_table_size('public.steadytext_queue') / 1e6::float8 as mb`,
  );
  const middle = async () =>
    (await pool.query<{ id: string }>(`select min(id) + (max(id) - min(id)) / 2 as id from public.steadytext_queue`))
      .rows[0]?.id ?? '0';
  const worker = await startSqlWorker(pool);
  const figures = { keep: [] as number[], prune: [] as number[], claim: [] as number[], rescue: [] as number[] };
  for (let round = 0; round < options.rounds; round += 1) {
    const afterId = await middle();
    figures.keep.push(await timed(() => pruneRequests(pool, { olderThanMs: DAY_MS, afterId, limit: WINDOW })));
    figures.prune.push(await timed(() => pruneRequests(pool, { olderThanMs: 0, afterId, limit: WINDOW })));
    await pool.query(`select public.steadytext_embed_async('x', use_cache => false)`);
    figures.claim.push(await timed(() => worker.claim()));
    figures.rescue.push(await timed(() => rescueRequests(pool, 3)));
  }
  return {
    'ended requests': requests,
    'table, MB': round3(Number(sizes[0]?.mb)),
    'ms, a window that is kept': median(figures.keep),
    'ms, a window that is deleted': median(figures.prune),
    'ms, a claim': median(figures.claim),
    'ms, a look for dead workers': median(figures.rescue),
  };
}

async function timed(run: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now();
  await run();
  return performance.now() - startedMs;
}

function median(values: readonly number[]): number {
  return round3([...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN);
}
