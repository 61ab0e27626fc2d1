/**
 * What it costs to generate behind the port: tokens per second beside the bare engine (node-llama-cpp's own loop over one sequence, in
 * the same process, on the same thread count), what a grammar adds, how late the event loop is while a model runs, and what it takes to
 * load each kind of model, in a process of its own. Requests are answers of 128 tokens; port and engine answer in turn.
 *
 * Targets: at least 95 % of the bare engine; the event loop at most 20 ms late at p99.
 *
 * usage: tsx bench/generation.ts [--rounds 9] [--requests 8] [--quick] [--save]; LAMPLIGHTER_BENCH_GGUF names another generator
 */

import { execFile } from 'node:child_process';
import { basename } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { getLlama, LlamaLogLevel } from 'node-llama-cpp';
import type { GenerateOutput } from '../src/models/port.ts';
import { readBenchOptions } from './support/bench-options.ts';
import { BENCH_SETTINGS, benchGenerator, benchModels, loadBehindPort } from './support/generation-models.ts';
import { atLeast, atMost, publish, type Row } from './support/report.ts';
import { median, round3 } from './support/statistics.ts';

const TOKENS = 128;
const IDLE_MS = 500;
const PROMPT = 'Once upon a time';
const START = fileURLToPath(new URL('support/generation-start-process.ts', import.meta.url));

/** Letters without end: any model can be held to it, and none comes to its end. */
const LETTERS: GenerateOutput = { kind: 'regex', pattern: '[A-Za-z ,.]{4000}' };
const PLAIN: GenerateOutput = { kind: 'plain' };

const options = readBenchOptions({ full: { rounds: 9, requests: 8 }, quick: { rounds: 1, requests: 2 } });
const path = benchGenerator();
const bare = await openBareEngine();
const model = await loadBehindPort(path);
const signal = new AbortController().signal;

/** Milliseconds of one answer. All are cut at their last token: plain ones are answers, the others say so. */
async function measurePort(output: GenerateOutput): Promise<number> {
  const startedMs = performance.now();
  await model.generate([{ prompt: PROMPT, maxTokens: TOKENS, seed: 42, output }], signal);
  return performance.now() - startedMs;
}

async function measureBare(): Promise<number> {
  const startedMs = performance.now();
  await bare.generate();
  return performance.now() - startedMs;
}

async function openBareEngine(): Promise<{ generate(): Promise<string>; close(): Promise<void> }> {
  const { threads, contextTokens } = BENCH_SETTINGS;
  const llama = await getLlama({ gpu: false, build: 'never', maxThreads: 0, logLevel: LlamaLogLevel.disabled });
  const loaded = await llama.loadModel({ modelPath: path });
  const context = await loaded.createContext({
    contextSize: Math.min(loaded.trainContextSize, contextTokens),
    threads: { ideal: threads, min: threads },
  });
  const sequence = context.getSequence();
  return {
    async generate() {
      await sequence.clearHistory();
      const { bos, shouldPrependBosToken } = loaded.tokens;
      const prompt = loaded.tokenize(PROMPT);
      if (shouldPrependBosToken && bos !== null) prompt.unshift(bos);
      const tokens = [];
      for await (const token of sequence.evaluate(prompt, { temperature: 0 })) {
        tokens.push(token);
        if (tokens.length === TOKENS) break;
      }
      return loaded.detokenize(tokens, false, prompt);
    },
    close: () => loaded.dispose(),
  };
}

interface Round {
  readonly bareMs: number;
  readonly portMs: number;
  readonly grammarMs: number;
  readonly lateMs: number;
  readonly idleMs: number;
}

/** Request by request in turn, so that all have the same share of what else the machine does. */
async function measureRound(): Promise<Round> {
  const spent = { bareMs: 0, portMs: 0, grammarMs: 0 };
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  for (let left = options.requests; left > 0; left -= 1) {
    spent.bareMs += await measureBare();
    spent.portMs += await measurePort(PLAIN);
    spent.grammarMs += await measurePort(LETTERS);
  }
  delay.disable();
  const idle = monitorEventLoopDelay({ resolution: 1 });
  idle.enable();
  await sleep(IDLE_MS);
  idle.disable();
  return { ...spent, lateMs: delay.percentile(99) / 1e6, idleMs: idle.percentile(99) / 1e6 };
}

await measureRound(); // only warms up
const rounds: Round[] = [];
for (let left = options.rounds; left > 0; left -= 1) rounds.push(await measureRound());
await model.close();
await bare.close();

const medianOf = (figure: (round: Round) => number) => round3(median(rounds.map(figure)));
const perSecond = (ms: number) => (options.requests * TOKENS * 1_000) / ms;
const portShare = medianOf(({ bareMs, portMs }) => bareMs / portMs);
const lateMs = medianOf((round) => round.lateMs);
const rows: Row[] = [
  { what: 'bare engine', 'tokens/s': medianOf(({ bareMs }) => perSecond(bareMs)) },
  {
    what: 'behind the port',
    'tokens/s': medianOf(({ portMs }) => perSecond(portMs)),
    'of it': portShare,
    'loop p99 ms': lateMs,
  },
  {
    what: 'behind the port, under a grammar',
    'tokens/s': medianOf(({ grammarMs }) => perSecond(grammarMs)),
    'of it': medianOf(({ bareMs, grammarMs }) => bareMs / grammarMs),
  },
  { what: 'nothing at all', 'loop p99 ms': medianOf(({ idleMs }) => idleMs) },
];
for (const one of benchModels()) rows.push(await measureStart(one));

async function measureStart(one: string): Promise<Row> {
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', START, one]);
  const { firstMs, againMs, residentBytes, loopMs }: Record<string, number | undefined> = JSON.parse(stdout);
  return {
    what: `load ${basename(one)}`,
    'first ms': Math.round(firstMs ?? Number.NaN),
    'again ms': Math.round(againMs ?? Number.NaN),
    'loop max ms': Math.round(loopMs ?? Number.NaN),
    'resident MB': round3((residentBytes ?? Number.NaN) / 1e6),
  };
}

await publish(
  {
    bench: 'generation',
    subject: `${basename(path)}, answers of ${TOKENS} tokens on one thread of the CPU; medians of rounds in turn`,
    rows,
    verdicts: [
      atLeast('tokens/s behind the port beside the bare engine', portShare, 0.95),
      atMost('event loop late at p99 while a model runs, ms', lateMs, 20),
    ],
    notes: ['"first" starts the engine as well: the package is read, and its build tried out in a process of its own.'],
  },
  options,
  { version: 'not used' },
);
