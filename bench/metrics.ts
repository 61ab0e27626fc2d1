/**
 * What keeping metrics by minute costs a request, of the processor's time that the request takes in all. A drain is wider from one time to
 * the next than that, so each part is measured by itself, the least of all rounds: what a worker counts in its memory, at the claim and at
 * the end; what it writes with each heartbeat; and what one process does for all each 15 s, which is to measure the installation, and to
 * look at what waits, in its worst case of 20,000 requests. The latter are spread over the requests of a drain of as long. Beside it stand
 * drains in turns, with the functions that write and count as they are, and with functions of those names that do nothing.
 *
 * Target: 1 % of the throughput at most.
 *
 * usage: tsx bench/metrics.ts [--rounds 9] [--requests 100000] [--quick] [--save]
 */

import process from 'node:process';
import { createMeter } from '../src/monitoring/meter.ts';
import { readFigures } from '../src/monitoring/read-figures.ts';
import { readHealth } from '../src/monitoring/read-health.ts';
import { measureWaiting, recordMetrics } from '../src/monitoring/record-metrics.ts';
import { createInFlight } from '../src/worker/requests/in-flight.ts';
import { measureCompletions } from '../src/worker/requests/record/measure-completions.ts';
import { readBenchOptions } from './support/bench-options.ts';
import { startBenchServer } from './support/bench-server.ts';
import { type Drain, prepareDrainer } from './support/measure-drain.ts';
import { monotonicMs } from './support/monotonic-ms.ts';
import { atMost, publish } from './support/report.ts';
import { median, round3 } from './support/statistics.ts';

const options = readBenchOptions({ full: { rounds: 9, requests: 100_000 }, quick: { rounds: 1, requests: 4_000 } });

/** With what they give while they do nothing. */
const WRITERS = {
  record_metrics: 'begin null; end',
  record_queued: 'begin null; end',
  measure_waiting: 'begin null; end',
  measure_enqueued: 'begin return false; end',
  measure_cancelled: 'begin return false; end',
  compact_metrics: 'begin null; end',
} as const;
type Scene = 'kept' | 'not kept';
const SCENES: readonly Scene[] = ['kept', 'not kept'];
/** A worker writes with each heartbeat. */
const HEARTBEATS_PER_SECOND = 1 / 5;
const MEASURES_PER_SECOND = 1 / 15;
/** Calls for one figure of those that take a millisecond or so. */
const CALLS = options.isQuick ? 5 : 50;

await using server = await startBenchServer();
const drainer = await prepareDrainer(server, 'lamplighter-batched');
const { pool } = drainer;
const drains = new Map<Scene, Drain[]>(SCENES.map((scene) => [scene, []]));
const parts = { waiting: [] as number[], write: [] as number[], measure: [] as number[], memory: [] as number[] };
try {
  const definitions = await readDefinitions();
  for (let round = 0; round <= options.rounds; round += 1) {
    for (const scene of round % 2 === 0 ? SCENES : [...SCENES].reverse()) {
      for (const { whole, idle } of definitions) await pool.query(scene === 'kept' ? whole : idle);
      const drain = await drainer.drain(options.requests);
      // The first round only warms up.
      if (round > 0 || options.rounds === 1) drains.get(scene)?.push(drain);
    }
    for (const { whole } of definitions) await pool.query(whole);
    await fillWaiting();
    parts.waiting.push((await measureServer(lookOften)) / CALLS);
    parts.write.push((await measureServer(writeOften)) / CALLS);
    parts.measure.push((await measureServer(measureOften)) / CALLS);
    parts.memory.push(measureMemory());
  }
} finally {
  await drainer.close();
}

/** Microseconds of the server that `work` takes. */
async function measureServer(work: () => Promise<void>): Promise<number> {
  const began = await server.cpuSeconds();
  const beganMs = monotonicMs();
  await work();
  const ms = monotonicMs() - beganMs;
  const ended = await server.cpuSeconds();
  // Of processes that have ended only whole ticks are known.
  return Math.max(0, (began === undefined || ended === undefined ? ms / 1e3 : ended - began) * 1e6);
}

/** As many as are looked at, which nobody serves. */
async function fillWaiting(): Promise<void> {
  await pool.query(
    `insert into public.steadytext_queue (function_name, parameters)
     select 'embed', '{"text_input": "a text"}' from generate_series(1, 20000)`,
  );
}

async function lookOften(): Promise<void> {
  for (let call = 0; call < CALLS; call += 1) await measureWaiting(pool);
}

async function writeOften(): Promise<void> {
  const meter = createMeter(Date.now);
  meter.noteServerTime(Date.now(), Date.now());
  meter.open('requests');
  const lane = meter.lane('requests', 'generate', 'default');
  for (let call = 0; call < CALLS; call += 1) {
    for (let ms = 1; ms < 1e8; ms *= 2) lane.noteEnd('completed', ms);
    await recordMetrics(pool, meter.source, meter.changedRows().rows);
    meter.queued.note('generate', 'default', Math.floor(Date.now() / 60_000) * 60_000, 1);
    await meter.queued.write(pool, meter.source);
  }
}

async function measureOften(): Promise<void> {
  for (let call = 0; call < CALLS; call += 1) {
    await readFigures(pool);
    await readHealth(pool);
  }
}

/** Microseconds of a worker that it takes to count one request at its claim and its end, in batches of 500. */
function measureMemory(): number {
  const meter = createMeter(() => performance.now());
  meter.noteServerTime(Date.now(), performance.now());
  const completions = measureCompletions(meter, () => performance.now());
  const lane = { functionName: 'generate', model: 'default' } as const;
  const requests = Array.from({ length: 500 }, (_, at) => ({
    id: String(at),
    requestId: String(at),
    lane,
    username: 'app',
    parameters: '{}',
    priority: 0,
    createdUs: String(Date.now() * 1_000 - at * 10_007),
    attempt: 1,
    retryCount: 0,
    traceparent: null,
  }));
  const batch = createInFlight().add({ workerId: 'w', claimNumber: 1 }, requests);
  const outcome = { kind: 'completed', result: 'ok' } as const;
  const batches = options.isQuick ? 40 : 1_000;
  const began = process.cpuUsage();
  for (let at = 0; at < batches; at += 1) {
    completions.noteClaim(requests);
    const atMs = performance.now();
    for (const entry of batch) completions.note({ entry, outcome }, 'completed', atMs);
  }
  const { user, system } = process.cpuUsage(began);
  return (user + system) / (batches * batch.length);
}

const of = (scene: Scene, figure: (drain: Drain) => number) => median((drains.get(scene) ?? []).map(figure));
// Whatever else runs only adds to what is measured.
const least = (values: readonly number[]) => Math.min(...values);
const perSecond = of('not kept', (drain) => drain.perSecond);
const wholeUs = of('not kept', ({ serverUs = 0, workerUs }) => serverUs + workerUs);
const costs = {
  'counting in memory': least(parts.memory),
  'writing with each heartbeat': (least(parts.write) * HEARTBEATS_PER_SECOND) / perSecond,
  'looking at what waits': (least(parts.waiting) * MEASURES_PER_SECOND) / perSecond,
  'measuring the installation': (least(parts.measure) * MEASURES_PER_SECOND) / perSecond,
};
const costUs = Object.values(costs).reduce((sum, value) => sum + value, 0);
await publish(
  {
    bench: 'metrics',
    subject:
      'metrics by minute, no-op handler, batches of 500; parts: microseconds of the processor a request, the least of all rounds; drains: medians of rounds in turn',
    rows: [
      ...Object.entries(costs).map(([part, us]) => ({ part, us: round3(us) })),
      { part: 'all of it', us: round3(costUs) },
      ...SCENES.map((scene) => ({
        part: `a drain, ${scene}`,
        us: round3(of(scene, ({ serverUs = 0, workerUs }) => serverUs + workerUs)),
        'requests/s': Math.round(of(scene, (drain) => drain.perSecond)),
      })),
    ],
    verdicts: [atMost('metrics: percent of what a request takes', round3((costUs / wholeUs) * 100), 1)],
    notes: [`Measuring the installation once takes ${round3(least(parts.measure) / 1e3)} ms of the server.`],
  },
  options,
  server,
);

async function readDefinitions(): Promise<readonly { readonly whole: string; readonly idle: string }[]> {
  const definitions = [];
  for (const [name, body] of Object.entries(WRITERS)) {
    const { rows } = await pool.query<{ whole: string; head: string }>(
      `select pg_get_functiondef(p.oid) as whole,
              format('create or replace function %s(%s) returns %s language plpgsql', p.oid::regproc, pg_get_function_arguments(p.oid),
                     pg_get_function_result(p.oid)) as head
       from pg_proc as p
       where p.oid = to_regproc($1)`,
      [`lamplighter.${name}`],
    );
    const [found] = rows;
    if (found === undefined) throw new Error(`expected a function lamplighter.${name}`);
    definitions.push({ whole: found.whole, idle: `${found.head} as $idle$ ${body} $idle$` });
  }
  return definitions;
}
