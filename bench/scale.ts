/**
 * What more workers and more callers bring, and what they wait for where they do not. First 1, 4 and 16 worker processes drain one
 * backlog (no-op model, batches of 500; then one request at a time); then 1, 8 and 32 callers enqueue one request after the other while
 * nobody works, while a stub polls (no notifications), and while a stub waits to be notified. What sessions of the server do is looked
 * at a hundred times a second.
 *
 * No target. With more processes than processors, the sum can only stay: what to look for is CPU for each request that grows, and locks.
 *
 * usage: tsx bench/scale.ts [--rounds 3] [--requests 40000] [--quick] [--save]
 */

import { availableParallelism } from 'node:os';
import { readBenchOptions } from './support/bench-options.ts';
import { openPool, startBenchServer } from './support/bench-server.ts';
import { type ContenderWorker, spawnContender } from './support/contender-worker.ts';
import { type ContenderName, contenderNamed } from './support/contenders/registry.ts';
import { type Draining, prepareEnqueue } from './support/measure-enqueue.ts';
import { publish } from './support/report.ts';
import { median, round3 } from './support/statistics.ts';
import { describeWaits, sampleWaits } from './support/wait-events.ts';

/** One at a time is slower. */
const SINGLE_SHARE = 0.5;
const MODES: readonly { readonly mode: Draining; readonly title: string }[] = [
  { mode: 'nobody', title: 'nobody works' },
  { mode: 'polling', title: 'NOTIFY off' },
  { mode: 'waiting', title: 'NOTIFY on' },
];

const options = readBenchOptions({ full: { rounds: 3, requests: 40_000 }, quick: { rounds: 1, requests: 4_000 } });
const workerCounts = options.isQuick ? [1, 4] : [1, 4, 16];
const callerCounts = options.isQuick ? [1, 8] : [1, 8, 32];
const durationMs = options.isQuick ? 1_000 : 3_000;
await using server = await startBenchServer();
const rows = [];
for (const name of ['lamplighter-batched', 'lamplighter-single'] as const) {
  const requests = name === 'lamplighter-batched' ? options.requests : Math.ceil(options.requests * SINGLE_SHARE);
  for (const count of workerCounts) rows.push(await measureWorkers(name, count, requests));
}
for (const count of callerCounts) rows.push(...(await measureCallers(count)));
await publish(
  {
    bench: 'scale',
    subject: 'more workers draining one backlog, more callers filling one queue',
    rows,
    verdicts: [],
    notes: [`All processes and the server share ${availableParallelism()} processors.`],
  },
  options,
  server,
);

/** Processes that all drain one backlog, which is committed while they wait for work: what it takes to start them does not count. */
async function measureWorkers(name: ContenderName, count: number, requests: number) {
  const contender = contenderNamed(name);
  const uri = await server.createDatabase('bench_scale');
  await contender.migrate(uri);
  const pool = openPool(uri);
  const workers: ContenderWorker[] = [];
  try {
    let handled = 0;
    for (let n = 0; n < count; n += 1) {
      const worker = await spawnContender(name, uri);
      workers.push(worker);
      let before = 0;
      await worker.count((so) => {
        handled += so - before;
        before = so;
      });
    }
    const taken = [];
    let waits = '';
    // The first round only warms up.
    for (let round = 0; round <= options.rounds; round += 1) {
      await contender.clear(pool);
      handled = 0;
      await contender.fill(pool, requests);
      const startedMs = performance.now();
      const sampler = await sampleWaits(uri);
      const cpuBefore = await Promise.all(workers.map((worker) => worker.usage()));
      const serverBefore = await server.cpuSeconds();
      while (handled < requests || !(await contender.isDrained(pool, requests))) {
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      const seconds = (performance.now() - startedMs) / 1_000;
      const serverAfter = await server.cpuSeconds();
      const cpuAfter = await Promise.all(workers.map((worker) => worker.usage()));
      waits = describeWaits(await sampler.stop());
      const workerSeconds = cpuAfter.reduce(
        (sum, { cpuSeconds }, at) => sum + cpuSeconds - (cpuBefore[at]?.cpuSeconds ?? 0),
        0,
      );
      const perRequestUs = (cpuSeconds: number) => (cpuSeconds * 1e6) / requests;
      if (round === 0) continue;
      taken.push({
        perSecond: requests / seconds,
        serverUs: perRequestUs((serverAfter ?? Number.NaN) - (serverBefore ?? Number.NaN)),
        workerUs: perRequestUs(workerSeconds),
      });
    }
    return {
      what: `${count} worker${count === 1 ? '' : 's'}, ${name === 'lamplighter-batched' ? 'batches of 500' : 'one at a time'}`,
      'requests/s': Math.round(median(taken.map(({ perSecond }) => perSecond))),
      'server us': round3(median(taken.map(({ serverUs }) => serverUs))),
      'worker us': round3(median(taken.map(({ workerUs }) => workerUs))),
      'sessions: running or waiting for': waits,
    };
  } finally {
    for (const worker of workers) await worker[Symbol.asyncDispose]();
    await pool.end();
  }
}

async function measureCallers(count: number) {
  const bench = await prepareEnqueue(server, count);
  try {
    const taken = MODES.map(() => ({ perSecond: [] as number[], waits: '' }));
    for (let round = 0; round <= options.rounds; round += 1) {
      for (const [at, { mode }] of MODES.entries()) {
        const { perSecond, waits } = await bench.measure(mode, durationMs);
        const of = taken[at];
        if (round === 0 || of === undefined) continue;
        of.perSecond.push(perSecond);
        of.waits = describeWaits(waits);
      }
    }
    return MODES.map(({ title }, at) => ({
      what: `${count} caller${count === 1 ? '' : 's'}, ${title}`,
      'requests/s': Math.round(median(taken[at]?.perSecond ?? [])),
      'server us': '',
      'worker us': '',
      'sessions: running or waiting for': taken[at]?.waits ?? '',
    }));
  } finally {
    await bench.close();
  }
}
