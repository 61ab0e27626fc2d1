/**
 * Milliseconds from the commit of an enqueue to the start of its handler, with an idle worker and at steady rates. Prints one JSON line
 * for each rate with p50, p95, p99 and the worst; negative values are handlers that began before the client heard of its commit.
 *
 * usage: tsx bench/latency.ts [--samples 300]
 */

import process from 'node:process';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { connectClient } from '../src/db/connect-client.ts';
import { resolveConnection } from '../src/db/connection-settings.ts';
import { migrate } from '../src/db/migrate/migrate.ts';
import { createWorker } from '../src/worker/create-worker.ts';
import { startBenchServer } from './support/bench-server.ts';
import { createNullProvider, NULL_MODEL } from './support/null-provider.ts';

const { values } = parseArgs({ options: { samples: { type: 'string', default: '300' } } });
const samples = Number(values.samples);

await using server = await startBenchServer();
const uri = await server.createDatabase('bench_latency');
const session = await connectClient(resolveConnection({ uri }, {}));
await migrate(session);
await session.end();

let onStart: (atMs: number) => void = () => undefined;
const provider = createNullProvider({ maxBatch: 1, onAnswer: () => onStart(performance.now()) });
const worker = await createWorker({ uri, providers: [provider], generateModel: NULL_MODEL, functions: ['generate'] });
const caller = new pg.Client({ connectionString: uri });
await caller.connect();

/** Pauses between requests: idle means long enough for the worker to have gone back to waiting. */
const scenarios = [
  { name: 'idle', pauseMs: () => 300, count: Math.ceil(samples / 6) },
  { name: '5/s', pauseMs: () => exponential(200), count: Math.ceil(samples / 3) },
  { name: '50/s', pauseMs: () => exponential(20), count: samples },
];

for (const { name, pauseMs, count } of scenarios) {
  const latencies: number[] = [];
  for (let n = 0; n < count; n += 1) {
    await new Promise((resolve) => setTimeout(resolve, pauseMs()));
    const started = new Promise<number>((resolve) => {
      onStart = resolve;
    });
    await caller.query("select steadytext_generate_async('x', 16, false)");
    const committedMs = performance.now();
    latencies.push((await started) - committedMs);
  }
  latencies.sort((a, b) => a - b);
  const at = (share: number) =>
    round2(latencies[Math.min(latencies.length - 1, Math.floor(share * latencies.length))] ?? Number.NaN);
  console.log(
    JSON.stringify({
      bench: 'latency',
      rate: name,
      samples: latencies.length,
      p50_ms: at(0.5),
      p95_ms: at(0.95),
      p99_ms: at(0.99),
      worst_ms: at(1),
      target_p50_ms: 2,
      target_p99_ms: 5,
      postgresql: server.version,
      node: process.version,
    }),
  );
}
await caller.end();
await worker.stop();

function exponential(meanMs: number): number {
  return -Math.log(1 - Math.random()) * meanMs;
}

function round2(value: number): number {
  return Math.round(value * 100) / 100;
}
