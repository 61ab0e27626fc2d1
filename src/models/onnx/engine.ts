import { readFile } from 'node:fs/promises';
import type { Tokenizer } from '@huggingface/tokenizers';
import { systemClock } from '../../core/clock.ts';
import type { Engine } from '../engine/serve-engine.ts';
import { answerWords, createTokenFinder } from '../tokens/token-ends.ts';
import type { EngineFacts, EngineSetup } from './engine-setup.ts';
import { openGraph, type RunBatch, type TextResult } from './graph.ts';
import { answerTexts, type CallText, collectResults, scoreKeeper, type TextDone } from './run-texts.ts';
import { createTextEncoder, createWordTokenizer, type EncodedText } from './text-encoder.ts';

/**
 * Tokens of one batch, padding included. Larger batches are slower, as their intermediate values leave the caches, and longer deaf to
 * being cancelled.
 */
const BATCH_TOKENS = 1_024;

/**
 * What a run costs beside its tokens, in tokens, as batches are planned: MiniLM fp32 takes 9 to 12 more of them on one thread, and some 25
 * on two, which work on few tokens no faster than one. Mixed texts in calls of 256, 60 and 16 are 1.05, 1.19 and 1.44 times as fast as in
 * batches that are filled up to the limit.
 */
const RUN_COST = 24;

/**
 * Longest time without a report of which texts are run, by a model that runs them one by one. A report is a message that has to be on its way
 * before the text is run, which takes 3 ms itself where it is short. What ends the process is then found among a few texts, by halving.
 */
const SILENT_MS = 25;

/** Texts of different lengths, for the first run. */
const PROBES = [
  'lamp',
  'A queue hands each job to exactly one worker.',
  'The lighthouse keeper climbed 429 steps at dusk to light the lamp, and thought of vectors, whales and sourdough bread all the way up.',
];

/** Room for all of them in one batch. */
const PROBE_TOKENS = 1_000_000;
/** The fastest of so many runs counts: others may be slowed down by what else the machine does. */
const SPEED_RUNS = 3;

/** A model that is open in this process. */
export interface OnnxEngine extends Engine {
  readonly facts: EngineFacts;
}

/**
 * Opens a model and lets it answer once, so that a broken model fails here and not in a request.
 *
 * @throws Error with the reason why the model cannot be used.
 */
export async function openEngine(setup: EngineSetup): Promise<OnnxEngine> {
  const { task } = setup;
  const graph = await openGraph(setup);
  const { fixedBatch, fixedLength = Number.POSITIVE_INFINITY } = graph.signature;
  if (fixedBatch !== undefined && fixedBatch !== 1) throw new Error(`its graph takes ${fixedBatch} texts at once only`);
  const tokenizer = await openTokenizer(setup);
  const encoder = createTextEncoder(tokenizer, Math.min(setup.maxTokens, fixedLength));
  const finder = createTokenFinder(createWordTokenizer(tokenizer));
  const prefix = task.kind === 'embed' ? task.prefix : '';
  const { run: runBatch } = graph;

  const probes = PROBES.map((text) =>
    task.kind === 'rerank' ? encoder.encodePair('lamp', text) : encoder.encode(text),
  );
  const alone = await collectResults(probes, runBatch, 0);
  const refusal = alone.find((result) => result instanceof Error);
  if (refusal !== undefined) throw refusal;
  const together = await collectResults(probes, runBatch, fixedBatch === undefined ? PROBE_TOKENS : 0);
  // Graphs with dynamic quantisation scale all texts of a batch by the largest value among them, and some graphs see the padding. An
  // answer must not hang on its neighbours, so these run texts one by one.
  const isBatchable = fixedBatch === undefined && alone.every((result, at) => isSame(result, together[at]));
  const tokensPerSecond = await measureSpeed(probes, runBatch);
  const portions = {
    batchTokens: isBatchable ? BATCH_TOKENS : 0,
    runCost: RUN_COST,
    saidTokens: (tokensPerSecond * SILENT_MS) / 1_000,
  };

  return {
    facts: {
      dimensions: task.kind === 'embed' ? lengthOf(alone[0]) : undefined,
      isBatchable,
      tokensPerSecond,
    },
    answer(work, call) {
      const run = (texts: readonly CallText[], done: TextDone) => answerTexts(texts, runBatch, portions, call, done);
      if (work.method === 'embed') {
        const texts = work.items.map((text, item) => ({ item, encode: () => encoder.encode(prefix + text) }));
        return run(texts, ({ item }, outcome) => call.ended(item, outcome));
      }
      if (work.method === 'tokenize') return answerWords(work.items, finder, call);
      if (work.method !== 'rerank') throw new Error(`This engine does not ${work.method}`);
      const scores = work.items.map((item, at) => scoreKeeper(item, (outcome) => call.ended(at, outcome)));
      const texts = work.items.flatMap(({ query, documents }, item) =>
        documents.map((document, at) => ({ item, at, encode: () => encoder.encodePair(query, document) })),
      );
      return run(texts, ({ item, at = 0 }, outcome) => scores[item]?.(at, outcome));
    },
  };
}

/** Tokens per second, at the best. */
async function measureSpeed(probes: readonly EncodedText[], runBatch: RunBatch): Promise<number> {
  let shortestMs = Number.POSITIVE_INFINITY;
  for (let run = 0; run < SPEED_RUNS; run += 1) {
    const startedMs = systemClock.nowMs();
    for (const probe of probes) await runBatch([probe]);
    shortestMs = Math.min(shortestMs, systemClock.nowMs() - startedMs);
  }
  return (probes.reduce((sum, { ids }) => sum + ids.length, 0) / Math.max(shortestMs, 0.01)) * 1_000;
}

async function openTokenizer(setup: EngineSetup): Promise<Tokenizer> {
  const { Tokenizer } = await import('@huggingface/tokenizers');
  const read = async (path: string): Promise<object> => Object(JSON.parse(await readFile(path, 'utf8')));
  const tokenizer = await read(setup.tokenizerPath);
  const config = setup.tokenizerConfigPath === undefined ? {} : await read(setup.tokenizerConfigPath);
  return new Tokenizer(tokenizer, config);
}

function lengthOf(result: TextResult | undefined): number | undefined {
  return result instanceof Float32Array ? result.length : undefined;
}

function isSame(one: TextResult, other: TextResult | undefined): boolean {
  if (!(one instanceof Float32Array && other instanceof Float32Array)) return false;
  return one.length === other.length && one.every((value, at) => Object.is(value, other[at]));
}
