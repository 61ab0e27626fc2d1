/**
 * What embedding costs above the engine itself: texts per second through the model port, as a worker calls it, beside a bare loop over
 * onnxruntime with the same options and as many threads, from texts to vectors of length 1 on both sides. The bare loop sorts all texts by
 * length first and fills each batch; the port is given them as they come, in calls of the size that it asks for. The two follow each other
 * at once, and who is first changes from round to round, so that what else the machine does meets both; the ratio is the median of theirs.
 * CPU is that of this process and of the engine's, the threads' spinning included. Loops that batch as texts come, and that do not batch,
 * show what sorting is worth, in a quarter of the rounds. The delay of the main thread's event loop is recorded while the port works, in
 * rounds of their own. Start-up and memory are those of a new process, under the loader for sources.
 *
 * Targets: at least 95 % of the bare loop that gives the same results; event loop delayed at most 20 ms at p99.
 *
 * usage: tsx bench/embedding.ts [--rounds 12] [--requests 256] [--quick] [--save] [--only port (no loops for show)]
 */

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { cpuLimit } from '../src/core/env.ts';
import { embedTexts } from '../src/models/answer-requests.ts';
import type { Model } from '../src/models/port.ts';
import { readBenchOptions } from './support/bench-options.ts';
import { type BatchRule, openBareEngine } from './support/embedding-bare.ts';
import { type BenchModel, listBenchModels, loadThroughPort, makeTexts } from './support/embedding-models.ts';
import { readTreeCpu } from './support/process-cpu.ts';
import { atLeast, atMost, publish, type Row, type Verdict } from './support/report.ts';
import { median, round3 } from './support/statistics.ts';

const TITLES: Readonly<Record<BatchRule, string>> = {
  sorted: 'bare, sorted by length',
  'as-they-come': 'bare, 32 as they come',
  'one-by-one': 'bare, one by one',
};
/** Of the histogram: delays are counted from here. */
const RESOLUTION_MS = 1;
const PORT = 'through the port';
/** Rounds from one of the loops for show to the next. */
const SHOW_EVERY = 4;
/** New processes, and rounds in which the event loop is watched. */
const OTHER_ROUNDS = 3;
const PROCESS = fileURLToPath(new URL('support/embedding-process.ts', import.meta.url));

interface Start {
  readonly startMs: number;
  readonly loadedMb: number;
  readonly afterMb: number;
}

const options = readBenchOptions({ full: { rounds: 12, requests: 256 }, quick: { rounds: 1, requests: 48 } });
const { models, isReal } = listBenchModels();
const rows: Row[] = [];
const verdicts: Verdict[] = [];
for (const model of models) await measure(model);
await publish(
  {
    bench: 'embedding',
    subject: `texts of mixed lengths on ${cpuLimit()} threads; medians of rounds in turn, CPU of both processes`,
    rows,
    verdicts: isReal ? verdicts : [],
    ...(isReal
      ? {}
      : { notes: ['No real weights were found: the figures of a model of some kilobytes mean nothing.'] }),
  },
  options,
  { version: 'not used' },
);

async function measure(model: BenchModel): Promise<void> {
  const texts = await makeTexts(options.requests);
  const start = await measureStart(model);
  const bare = await openBareEngine(model, cpuLimit());
  const ported = await loadThroughPort(model);
  const rates = new Map<string, number[]>();
  const cpus = new Map<string, number[]>();
  const ratios: number[] = [];
  const cpuRatios: number[] = [];
  const delays: number[] = [];
  const rival: BatchRule = model.isBatched ? 'sorted' : 'one-by-one';
  const shown = options.only === undefined ? (Object.keys(TITLES) as BatchRule[]).filter((rule) => rule !== rival) : [];
  const time = async (what: string, run: () => Promise<unknown>) => {
    const cpuBefore = await readTreeCpu(process.pid);
    const startedMs = performance.now();
    await run();
    const ms = performance.now() - startedMs;
    const cpuMs = (await readTreeCpu(process.pid)) * 1_000 - cpuBefore * 1_000;
    rates.set(what, [...(rates.get(what) ?? []), (texts.length * 1_000) / ms]);
    cpus.set(what, [...(cpus.get(what) ?? []), cpuMs / texts.length]);
    return { ms, cpuMs };
  };
  const timeBare = (rule: BatchRule) => time(TITLES[rule], () => bare.embed(texts, rule));
  const timePort = () => time(PORT, () => embedAll(ported, texts));
  try {
    await bare.embed(texts, rival);
    await embedAll(ported, texts);
    for (let round = 0; round < options.rounds; round += 1) {
      const isBareFirst = round % 2 === 0;
      const first = isBareFirst ? await timeBare(rival) : await timePort();
      const second = isBareFirst ? await timePort() : await timeBare(rival);
      const [alone, through] = isBareFirst ? [first, second] : [second, first];
      ratios.push(alone.ms / through.ms);
      cpuRatios.push(through.cpuMs / alone.cpuMs);
      if (round % SHOW_EVERY === 0) for (const rule of shown) await timeBare(rule);
    }
    // In rounds of their own: what looks at the clock a thousand times a second takes a processor from the engine's threads.
    for (let round = 0; round < OTHER_ROUNDS; round += 1) {
      const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
      delay.enable();
      await embedAll(ported, texts);
      delay.disable();
      delays.push(delay.percentile(99) / 1e6 - RESOLUTION_MS);
    }
  } finally {
    await bare.close();
    await ported.close();
  }
  for (const [what, taken] of rates) {
    const isPort = what === PORT;
    rows.push({
      model: model.name,
      what,
      'texts/s': round3(median(taken)),
      'beside the bare loop': isPort ? round3(median(ratios)) : '',
      'CPU ms per text': round3(median(cpus.get(what) ?? [])),
      'CPU beside': isPort ? round3(median(cpuRatios)) : '',
      'event loop p99 ms': isPort ? round3(median(delays)) : '',
      'start ms': isPort ? Math.round(start.startMs) : '',
      'loaded MB': isPort ? Math.round(start.loadedMb) : '',
      'after long texts MB': isPort ? Math.round(start.afterMb) : '',
    });
  }
  verdicts.push(
    atLeast(`${model.name}: beside the ${TITLES[rival]} loop`, round3(median(ratios)), 0.95),
    atMost(`${model.name}: event loop delay p99 in ms`, round3(median(delays)), 20),
  );
}

/** As a worker does: as many texts at once as the model asks for, the next call while the last one is worked on. */
async function embedAll(model: Model, texts: readonly string[]): Promise<void> {
  const { signal } = new AbortController();
  const size = model.maxBatch.embed;
  let next = 0;
  const call = async () => {
    while (next < texts.length) {
      const part = texts.slice(next, next + size);
      next += size;
      const failure = (await embedTexts(model, part, signal)).find(({ ok }) => !ok);
      if (failure !== undefined) throw new Error(`a text failed: ${JSON.stringify(failure)}`);
    }
  };
  await Promise.all(Array.from({ length: model.maxConcurrency }, call));
}

async function measureStart(model: BenchModel): Promise<Start> {
  const taken: Start[] = [];
  for (let round = 0; round < OTHER_ROUNDS; round += 1) {
    const child = fork(PROCESS, [model.name], { execArgv: ['--import', 'tsx'] });
    const exited = once(child, 'exit');
    const [message] = await Promise.race([once(child, 'message'), exited.then(() => [undefined])]);
    await exited;
    if (message === undefined) throw new Error(`${model.name} could not be loaded in a process of its own`);
    taken.push(message);
  }
  const middle = (of: (start: Start) => number) => median(taken.map(of));
  return { startMs: middle((s) => s.startMs), loadedMb: middle((s) => s.loadedMb), afterMb: middle((s) => s.afterMb) };
}
