/**
 * Milliseconds from the commit of a request, as its caller hears of it, to the call of its handler: with an idle worker, and at 5 and 50
 * requests per second that come when they like (Poisson), beside graphile-worker, pg-boss, a bare loop that hears of a row and takes it with
 * one UPDATE, and a bare NOTIFY, which shows what the machine itself takes. A negative figure is a handler that began before the caller heard of its commit.
 *
 * Target: p50 at most 2 ms and p99 at most 5 ms at each rate.
 *
 * usage: tsx bench/latency.ts [--rounds 5] [--requests 200 (at 50/s, of each round)] [--quick] [--save] [--only lamplighter,graphile]
 */

import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { readBenchOptions } from './support/bench-options.ts';
import { startBenchServer } from './support/bench-server.ts';
import { type ContenderWorker, spawnContender } from './support/contender-worker.ts';
import type { Workable } from './support/contenders/contender.ts';
import { type WorkableName, workableNamed } from './support/contenders/registry.ts';
import { monotonicMs } from './support/monotonic-ms.ts';
import { atMost, publish } from './support/report.ts';
import { percentile, round3 } from './support/statistics.ts';

const OURS = 'lamplighter-single';
const NAMES: readonly WorkableName[] = [OURS, 'graphile', 'pg-boss-work', 'bare-claimer', 'bare-listener'];
/** A worker that has just started still connects and warms up. */
const SETTLE_MS = 1_000;
/** The slowest polls twice a second. */
const LAST_WAIT_MS = 2_000;

const options = readBenchOptions({ full: { rounds: 5, requests: 200 }, quick: { rounds: 1, requests: 40 } });
/** Idle means long enough for the worker to have gone back to waiting. */
const rates = [
  { rate: 'idle', pauseMs: () => 300, share: 0.1 },
  { rate: '5/s', pauseMs: () => exponential(200), share: 0.2 },
  { rate: '50/s', pauseMs: () => exponential(20), share: 1 },
] as const;

interface Subject {
  readonly name: WorkableName;
  readonly workable: Workable;
  readonly worker: ContenderWorker;
  readonly caller: pg.Client;
  readonly latencies: Map<string, number[]>;
  missing: number;
}

await using server = await startBenchServer();
const subjects: Subject[] = [];
try {
  for (const name of NAMES.filter((one) => options.only === undefined || options.only.includes(one))) {
    const workable = workableNamed(name);
    const uri = await server.createDatabase(`bench_latency_${name.replaceAll('-', '_')}`);
    await workable.migrate(uri);
    const caller = new pg.Client({ connectionString: uri });
    await caller.connect();
    const worker = await spawnContender(name, uri);
    subjects.push({ name, workable, worker, caller, latencies: new Map(), missing: 0 });
  }
  for (let round = 0; round < options.rounds; round += 1) {
    for (const subject of subjects) await measureRound(subject, round);
  }
} finally {
  for (const { caller, worker } of subjects) {
    await caller.end();
    await worker[Symbol.asyncDispose]();
  }
}

const figures = subjects.flatMap(({ name, workable, latencies, missing }) =>
  rates.map(({ rate }) => {
    const values = latencies.get(rate) ?? [];
    const at = (share: number) => round3(percentile(values, share));
    return {
      name,
      rate,
      title: workable.title,
      samples: values.length,
      missing,
      p50: at(0.5),
      p95: at(0.95),
      p99: at(0.99),
      worst: at(1),
    };
  }),
);
await publish(
  {
    bench: 'latency',
    subject: 'milliseconds from commit to the call of the handler',
    rows: figures.map(({ title, rate, samples, p50, p95, p99, worst }) => ({
      queue: title,
      rate,
      samples,
      p50,
      p95,
      p99,
      worst,
    })),
    verdicts: figures
      .filter(({ name }) => name === OURS)
      .flatMap(({ rate, p50, p99 }) => [
        atMost(`ms from commit to handler, median, ${rate}`, p50, 2),
        atMost(`ms from commit to handler, 99th percentile, ${rate}`, p99, 5),
      ]),
    notes: figures.some(({ missing }) => missing > 0) ? ['Some requests were not handled within two seconds.'] : [],
  },
  options,
  server,
);

/** All rates once. Requests are sent when they are due, whether or not those before were handled. */
async function measureRound(subject: Subject, round: number): Promise<void> {
  const { workable, worker, caller, latencies } = subject;
  const handled = new Map<string, number>();
  await worker.watch((prompt, atMs) => handled.set(prompt, atMs));
  await workable.enqueue(caller, 'warm-up');
  await sleep(SETTLE_MS);
  for (const { rate, pauseMs, share } of rates) {
    const committed = new Map<string, number>();
    const count = Math.ceil(options.requests * share);
    let dueMs = monotonicMs();
    for (let n = 0; n < count; n += 1) {
      dueMs += pauseMs();
      await sleep(Math.max(0, dueMs - monotonicMs()));
      const prompt = `${round} ${rate} ${n}`;
      await workable.enqueue(caller, prompt);
      committed.set(prompt, monotonicMs());
    }
    const deadlineMs = monotonicMs() + LAST_WAIT_MS;
    while ([...committed.keys()].some((prompt) => !handled.has(prompt)) && monotonicMs() < deadlineMs) await sleep(20);
    const values = latencies.get(rate) ?? [];
    for (const [prompt, committedMs] of committed) {
      const startedMs = handled.get(prompt);
      if (startedMs === undefined) subject.missing += 1;
      else values.push(startedMs - committedMs);
    }
    latencies.set(rate, values);
  }
  await worker.stop();
}

function exponential(meanMs: number): number {
  return -Math.log(1 - Math.random()) * meanMs;
}
