import { readFile } from 'node:fs/promises';
import { systemClock } from '../../core/clock.ts';
import { messageOf } from '../../core/errors.ts';
import { failed, type ItemOutcome, invalid, succeeded } from '../outcome.ts';
import type { RerankItem } from '../port.ts';
import { openGraph } from './graph.ts';
import { batchRunner, type RunBatch, runTexts, type TextResult } from './run-texts.ts';
import { createTextEncoder, type EncodedText, type TextEncoder } from './text-encoder.ts';
import type { ThreadControl } from './thread-control.ts';
import type { EngineFacts, EngineSetup } from './thread-messages.ts';

/**
 * Tokens of one batch, padding included. Larger batches are slower, as their intermediate values leave the caches, and longer deaf to
 * being cancelled.
 */
const BATCH_TOKENS = 1_024;

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

/** Thrown between batches once nobody wants the answers any more. */
class Cancelled extends Error {}

/** A model that is open in this thread. */
export interface Engine {
  readonly facts: EngineFacts;
  /** Rejects soon after `isCancelled` gives true. */
  embed(texts: readonly string[], isCancelled: () => boolean): Promise<ItemOutcome<Float32Array>[]>;
  /** Rejects likewise. */
  rerank(items: readonly RerankItem[], isCancelled: () => boolean): Promise<ItemOutcome<readonly number[]>[]>;
  close(): Promise<void>;
}

/**
 * Opens a model and lets it answer once, so that what cannot work fails here and not in somebody's request.
 *
 * @throws Error that says why the model cannot be used, or that the thread was told to stop.
 */
export async function openEngine(setup: EngineSetup, control: ThreadControl): Promise<Engine> {
  const { task } = setup;
  const graph = await openGraph(setup, control);
  const { fixedBatch, fixedLength = Number.POSITIVE_INFINITY } = graph.signature;
  if (fixedBatch !== undefined && fixedBatch !== 1) throw new Error(`its graph takes ${fixedBatch} texts at once only`);
  const encoder = await openEncoder(setup, Math.min(setup.maxTokens, fixedLength));
  const prefix = task.kind === 'embed' ? task.prefix : '';
  const runBatch = batchRunner(graph);

  const probes = PROBES.map((text) =>
    task.kind === 'rerank' ? encoder.encodePair('lamp', text) : encoder.encode(text),
  );
  const alone = await runTexts(probes, runBatch, 0, () => undefined);
  const refusal = alone.find((result) => result instanceof Error);
  if (refusal !== undefined) throw refusal;
  const together = await runTexts(probes, runBatch, fixedBatch === undefined ? PROBE_TOKENS : 0, () => undefined);
  // Graphs with dynamic quantisation scale all texts of a batch by the largest value among them, and some graphs see the padding. An
  // answer must not hang on its neighbours, so these run texts one by one.
  const isBatchable = fixedBatch === undefined && alone.every((result, at) => isSame(result, together[at]));
  const batchTokens = isBatchable ? BATCH_TOKENS : 0;

  return {
    facts: {
      dimensions: task.kind === 'embed' ? lengthOf(alone[0]) : undefined,
      isBatchable,
      tokensPerSecond: await measureSpeed(probes, runBatch),
    },
    async embed(texts, isCancelled) {
      const checkpoint = checkpointOf(isCancelled);
      const encoded = texts.map((text) => {
        checkpoint();
        return tokenise(() => encoder.encode(prefix + text));
      });
      const results = await runTexts(valuesOf(encoded), runBatch, batchTokens, checkpoint);
      return fillIn(encoded, results);
    },
    async rerank(items, isCancelled) {
      const checkpoint = checkpointOf(isCancelled);
      const encoded = items.map(({ query, documents }) =>
        documents.map((document) => {
          checkpoint();
          return tokenise(() => encoder.encodePair(query, document));
        }),
      );
      const results = await runTexts(valuesOf(encoded.flat()), runBatch, batchTokens, checkpoint);
      const logits = fillIn(encoded.flat(), results);
      return encoded.map((documents) => scoresOf(logits.splice(0, documents.length)));
    },
    close: () => graph.close(),
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

async function openEncoder(setup: EngineSetup, maxTokens: number): Promise<TextEncoder> {
  const { Tokenizer } = await import('@huggingface/tokenizers');
  const read = async (path: string): Promise<object> => Object(JSON.parse(await readFile(path, 'utf8')));
  const tokenizer = await read(setup.tokenizerPath);
  const config = setup.tokenizerConfigPath === undefined ? {} : await read(setup.tokenizerConfigPath);
  return createTextEncoder(new Tokenizer(tokenizer, config), maxTokens);
}

function tokenise(encode: () => EncodedText): ItemOutcome<EncodedText> {
  try {
    return succeeded(encode());
  } catch (error) {
    return invalid(`The text could not be split into tokens: ${messageOf(error)}`);
  }
}

function valuesOf<T>(outcomes: readonly ItemOutcome<T>[]): T[] {
  return outcomes.flatMap((outcome) => (outcome.ok ? [outcome.value] : []));
}

/** The failures as they are, and the results in the places of the others. */
function fillIn(
  encoded: readonly ItemOutcome<EncodedText>[],
  results: readonly TextResult[],
): ItemOutcome<Float32Array>[] {
  let next = 0;
  return encoded.map((outcome) => {
    if (!outcome.ok) return outcome;
    const result = results[next++];
    return result instanceof Float32Array ? succeeded(result) : failed(`The model failed: ${messageOf(result)}`);
  });
}

/** All scores of an item, or its first failure. A logit's sigmoid is its score. */
function scoresOf(logits: readonly ItemOutcome<Float32Array>[]): ItemOutcome<number[]> {
  const scores: number[] = [];
  for (const logit of logits) {
    if (!logit.ok) return logit;
    scores.push(1 / (1 + Math.exp(-(logit.value[0] ?? Number.NaN))));
  }
  return succeeded(scores);
}

function checkpointOf(isCancelled: () => boolean): () => void {
  return () => {
    if (isCancelled()) throw new Cancelled('The call was cancelled');
  };
}

function lengthOf(result: TextResult | undefined): number | undefined {
  return result instanceof Float32Array ? result.length : undefined;
}

function isSame(one: TextResult, other: TextResult | undefined): boolean {
  if (!(one instanceof Float32Array && other instanceof Float32Array)) return false;
  return one.length === other.length && one.every((value, at) => Object.is(value, other[at]));
}
