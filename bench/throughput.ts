/**
 * Requests per second with a handler that does nothing, beside graphile-worker in its fastest configuration, in one process tree: both
 * drain a backlog of the same size from the same server, in turn, for some rounds. Results are kept and events are sent by ours;
 * graphile-worker deletes its jobs. Prints one JSON line with the median of each and of the ratios of neighbouring rounds.
 *
 * usage: tsx bench/throughput.ts [--rounds 5] [--requests 20000]
 */

import process from 'node:process';
import { parseArgs } from 'node:util';
import { Logger as GraphileLogger, makeWorkerUtils, run } from 'graphile-worker';
import pg from 'pg';
import { connectClient } from '../src/db/connect-client.ts';
import { resolveConnection } from '../src/db/connection-settings.ts';
import { migrate } from '../src/db/migrate/migrate.ts';
import { createWorker } from '../src/worker/create-worker.ts';
import { median, startBenchServer } from './support/bench-database.ts';
import { createNullProvider, NULL_MODEL } from './support/null-provider.ts';

const BATCH = 500;
const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '5' }, requests: { type: 'string', default: '20000' } },
});
const rounds = Number(values.rounds);
const requests = Number(values.requests);
const quiet = new GraphileLogger(() => () => undefined);

await using server = await startBenchServer();
const ours = await prepareOurs(await server.createDatabase('bench_lamplighter'));
const graphile = await prepareGraphile(await server.createDatabase('bench_graphile'));

const figures: { ours: number; graphile: number }[] = [];
for (let round = 0; round <= rounds; round += 1) {
  const figure = { ours: await ours.drain(), graphile: await graphile.drain() };
  // The first round only warms up.
  if (round > 0) figures.push(figure);
}
await ours.close();
await graphile.close();

const ratios = figures.map((figure) => figure.ours / figure.graphile);
console.log(
  JSON.stringify({
    bench: 'throughput',
    subject: `no-op handler, batches of ${BATCH}, results kept, events on, synchronous_commit on`,
    requests,
    rounds,
    ours_per_s: Math.round(median(figures.map((figure) => figure.ours))),
    graphile_worker_per_s: Math.round(median(figures.map((figure) => figure.graphile))),
    ratio: round2(median(ratios)),
    ratio_min: round2(Math.min(...ratios)),
    ratio_max: round2(Math.max(...ratios)),
    target_ratio: 2,
    postgresql: server.version,
    node: process.version,
  }),
);

interface Contender {
  /** Fills the queue, then drains it; requests per second of the draining. */
  drain(): Promise<number>;
  close(): Promise<void>;
}

async function prepareOurs(uri: string): Promise<Contender> {
  const session = await connectClient(resolveConnection({ uri }, {}));
  await migrate(session);
  await session.query("select lamplighter.set('max_queue_size', '0')");
  await session.end();
  const pool = openPool(uri);
  return {
    async drain() {
      await pool.query(
        `insert into public.steadytext_queue (function_name, parameters)
         select 'generate', jsonb_build_object('prompt', 'request ' || n, 'max_tokens', 16, 'use_cache', false, 'seed', 42)
         from generate_series(1, $1::integer) as n`,
        [requests],
      );
      await pool.query('vacuum analyze public.steadytext_queue');
      return measure(async (onAnswer) => {
        const provider = createNullProvider({ maxBatch: BATCH, onAnswer });
        const options = { uri, providers: [provider], generateModel: NULL_MODEL, functions: ['generate'] } as const;
        const worker = await createWorker(options);
        return {
          isDrained: () =>
            isEmpty(pool, "select 1 from public.steadytext_queue where status in ('pending', 'processing') limit 1"),
          stop: () => worker.stop(),
        };
      });
    },
    close: () => pool.end(),
  };
}

async function prepareGraphile(uri: string): Promise<Contender> {
  const utils = await makeWorkerUtils({ connectionString: uri, logger: quiet });
  await utils.migrate();
  await utils.release();
  const pool = openPool(uri);
  return {
    async drain() {
      await pool.query(
        `select graphile_worker.add_jobs(array(
           select row('noop', json_build_object('prompt', 'request ' || n), null, null, null, null, null, null)::graphile_worker.job_spec
           from generate_series(1, $1::integer) as n))`,
        [requests],
      );
      await pool.query('vacuum analyze graphile_worker._private_jobs');
      return measure(async (onAnswer) => {
        const runner = await run({
          connectionString: uri,
          noHandleSignals: true,
          logger: quiet,
          taskList: { noop: async () => onAnswer(1) },
          preset: {
            worker: {
              concurrentJobs: 24,
              maxPoolSize: 10,
              localQueue: { size: BATCH },
              completeJobBatchDelay: 0,
              failJobBatchDelay: 0,
            },
          },
        });
        return {
          isDrained: () => isEmpty(pool, 'select 1 from graphile_worker._private_jobs limit 1'),
          stop: () => runner.stop(),
        };
      });
    },
    close: () => pool.end(),
  };
}

function openPool(uri: string): pg.Pool {
  const pool = new pg.Pool({ connectionString: uri, max: 2 });
  // Idle connections end with the server when the run fails; the failure itself is what to show.
  pool.on('error', () => undefined);
  return pool;
}

async function isEmpty(pool: pg.Pool, text: string): Promise<boolean> {
  return (await pool.query(text)).rowCount === 0;
}

/** From the first handled request to the last recorded end, as seen from outside. */
async function measure(
  start: (
    onAnswer: (count: number) => void,
  ) => Promise<{ isDrained: () => Promise<boolean>; stop: () => Promise<void> }>,
): Promise<number> {
  let handled = 0;
  let startedMs = 0;
  let onAll: () => void = () => undefined;
  const all = new Promise<void>((resolve) => {
    onAll = resolve;
  });
  const { isDrained, stop } = await start((count) => {
    if (handled === 0) startedMs = performance.now();
    handled += count;
    if (handled >= requests) onAll();
  });
  await all;
  while (!(await isDrained())) await new Promise((resolve) => setTimeout(resolve, 2));
  const seconds = (performance.now() - startedMs) / 1_000;
  await stop();
  return requests / seconds;
}

function round2(value: number): number {
  return Math.round(value * 100) / 100;
}
