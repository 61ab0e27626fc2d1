/**
 * What embedding costs above the engine itself: texts per second through the model port, as a worker calls it, beside a bare loop over
 * onnxruntime in the same process and with the same options, in turn. The bare loop sorts all texts by length first; the port is given
 * them as they come, in calls of the size that it asks for. Loops that batch as texts come, and that do not batch, show what sorting is
 * worth. The delay of the main thread's event loop is recorded while the port works, in rounds of their own. Start-up and memory are
 * those of a new process, under the loader for sources.
 *
 * Targets: at least 95 % of the bare loop that gives the same results; event loop delayed at most 20 ms at p99.
 *
 * usage: tsx bench/embedding.ts [--rounds 5] [--requests 256] [--quick] [--save]
 */

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { cpuLimit } from '../src/core/env.ts';
import { embedTexts } from '../src/models/answer-requests.ts';
import type { Model } from '../src/models/port.ts';
import { readBenchOptions } from './support/bench-options.ts';
import { type BatchRule, openBareEngine } from './support/embedding-bare.ts';
import { type BenchModel, listBenchModels, loadThroughPort, makeTexts } from './support/embedding-models.ts';
import { atLeast, atMost, publish, type Row, type Verdict } from './support/report.ts';
import { median, round3 } from './support/statistics.ts';

const TITLES: Readonly<Record<BatchRule, string>> = {
  sorted: 'bare, sorted by length',
  'as-they-come': 'bare, 32 as they come',
  'one-by-one': 'bare, one by one',
};
/** Of the histogram: delays are counted from here. */
const RESOLUTION_MS = 1;
const PROCESS = fileURLToPath(new URL('support/embedding-process.ts', import.meta.url));

interface Start {
  readonly startMs: number;
  readonly loadedMb: number;
  readonly afterMb: number;
}

const options = readBenchOptions({ full: { rounds: 5, requests: 256 }, quick: { rounds: 1, requests: 48 } });
const { models, isReal } = listBenchModels();
const rows: Row[] = [];
const verdicts: Verdict[] = [];
for (const model of models) await measure(model);
await publish(
  {
    bench: 'embedding',
    subject: `texts of mixed lengths on ${cpuLimit()} threads; medians of rounds in turn`,
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
  const rules = Object.keys(TITLES) as BatchRule[];
  const perSecond = new Map<string, number[]>();
  const delays: number[] = [];
  const ratios: number[] = [];
  const rival: BatchRule = model.isBatched ? 'sorted' : 'one-by-one';
  const time = async (what: string, run: () => Promise<unknown>) => {
    const startedMs = performance.now();
    await run();
    const rate = (texts.length * 1_000) / (performance.now() - startedMs);
    perSecond.set(what, [...(perSecond.get(what) ?? []), rate]);
    return rate;
  };
  try {
    for (let round = 0; round <= options.rounds; round += 1) {
      // The first round only warms up.
      if (round === 1) for (const taken of [perSecond, ratios]) empty(taken);
      const rates = new Map<BatchRule, number>();
      for (const rule of rules) rates.set(rule, await time(TITLES[rule], () => bare.embed(texts, rule)));
      const rate = await time('through the port', () => embedAll(ported, texts));
      ratios.push(rate / (rates.get(rival) ?? Number.NaN));
    }
    // In rounds of their own: what looks at the clock a thousand times a second takes a processor from the engine's threads.
    for (let round = 0; round < options.rounds; round += 1) {
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
  for (const [what, rates] of perSecond) {
    const isPort = what === 'through the port';
    rows.push({
      model: model.name,
      what,
      'texts/s': round3(median(rates)),
      'beside the bare loop': isPort ? round3(median(ratios)) : '',
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
  for (let round = 0; round < options.rounds; round += 1) {
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

function empty(taken: Map<string, number[]> | number[]): void {
  if (Array.isArray(taken)) taken.length = 0;
  else taken.clear();
}
