import { messageOf } from '../core/errors.ts';
import type { CallProgress } from './call-progress.ts';
import { failed, type ItemOutcome } from './outcome.ts';
import type { Model, ModelRequest, RerankItem } from './port.ts';
import { formatEmbedding, formatRanking } from './result-text.ts';
import { untilAborted } from './until-aborted.ts';
import { embeddingProblem, rankingProblem, textProblem, verifyOutcomes } from './verify-answer.ts';

/** How long an aborted model may take to stop; one that does not listen is left behind after it. */
const ABORT_GRACE_MS = 1_000;

/**
 * The answers to requests of one function, as the texts kept in `steadytext_queue.result`, one per request and in order.
 *
 * Every answer is verified; a wrong one is `failed`. If the call as a whole fails, each request is sent alone, one after the other, so that
 * only the faulty one fails. At most `model.maxBatch[function]` requests. `progress` is told which of them are worked on, and each outcome
 * as soon as it is known; of nothing once `signal` has aborted.
 *
 * @throws The signal's reason, at most a second after it aborted.
 * @throws RangeError for requests of several functions.
 */
export async function answerRequests(
  model: Model,
  requests: readonly ModelRequest[],
  signal: AbortSignal,
  progress: CallProgress<string> = NOBODY,
): Promise<ItemOutcome<string>[]> {
  const fn = requests[0]?.function;
  if (requests.some((request) => request.function !== fn)) {
    throw new RangeError('The requests of one call must be of one function');
  }
  switch (fn) {
    case undefined:
      return [];
    case 'embed': {
      const items = requests.flatMap((request) => (request.function === 'embed' ? [request] : []));
      const format = onceEach(formatEmbedding);
      return mapValues(await embedItems(model, items, signal, mapProgress(progress, format)), format);
    }
    case 'rerank': {
      const items = requests.flatMap((request) => (request.function === 'rerank' ? [request.item] : []));
      const format = onceEach((value: readonly number[], index) => formatRanking(items[index]?.documents ?? [], value));
      const call: Call<RerankItem, readonly number[]> = (part, told) => model.rerank(part, signal, told);
      return mapValues(await callModel(items, call, rankingProblem, signal, mapProgress(progress, format)), format);
    }
    case 'generate':
    case 'generate_json':
    case 'generate_regex':
    case 'generate_choice': {
      const items = requests.flatMap((request) => (isGenerate(request) ? [request.item] : []));
      return callModel(items, (part, told) => model.generate(part, signal, told), textProblem, signal, progress);
    }
  }
}

/** The verified, L2-normalised vectors of at most `model.maxBatch.embed` texts; otherwise like {@link answerRequests}. */
export function embedTexts(
  model: Model,
  texts: readonly string[],
  signal: AbortSignal,
  progress: CallProgress<Float32Array> = NOBODY,
): Promise<ItemOutcome<Float32Array>[]> {
  const problemOf = (vector: Float32Array) => embeddingProblem(vector, model.dimensions);
  return callModel(texts, (part, told) => model.embed(part, signal, told), problemOf, signal, progress);
}

/** Texts and queries, where the model tells these apart: one call after the other. */
async function embedItems(
  model: Model,
  items: readonly { readonly item: string; readonly isQuery?: boolean }[],
  signal: AbortSignal,
  progress: CallProgress<Float32Array>,
): Promise<ItemOutcome<Float32Array>[]> {
  const { embedQueries } = model;
  const texts = items.map(({ item }) => item);
  if (embedQueries === undefined || items.every(({ isQuery }) => isQuery !== true)) {
    return embedTexts(model, texts, signal, progress);
  }
  const outcomes: ItemOutcome<Float32Array>[] = items.map(() => failed('The model gave no answer'));
  for (const kind of [{ ...model, embed: embedQueries }, model]) {
    const positions = [...items.keys()].filter((at) => (items[at]?.isQuery === true) === (kind !== model));
    const told: CallProgress<Float32Array> = {
      limitMs: progress.limitMs,
      working: (some) => progress.working(some.flatMap((at) => positions[at] ?? [])),
      ended: (at, outcome) => progress.ended(positions[at] ?? -1, outcome),
    };
    if (positions.length === 0) continue;
    const part = await embedTexts(
      kind,
      positions.map((at) => texts[at] ?? ''),
      signal,
      told,
    );
    for (const [at, outcome] of part.entries()) outcomes[positions[at] ?? -1] = outcome;
  }
  return outcomes;
}

type Call<Item, Value> = (
  items: readonly Item[],
  progress: CallProgress<Value>,
) => Promise<readonly ItemOutcome<Value>[]>;

const NOBODY: CallProgress<unknown> = { working: () => undefined, ended: () => undefined };

async function callModel<Item, Value>(
  items: readonly Item[],
  call: Call<Item, Value>,
  problemOf: (value: Value, item: Item) => string | undefined,
  signal: AbortSignal,
  progress: CallProgress<Value>,
): Promise<ItemOutcome<Value>[]> {
  signal.throwIfAborted();
  const known = new Map<number, ItemOutcome<Value>>();
  const end = (position: number, outcome: ItemOutcome<Value>) => {
    if (known.has(position)) return;
    known.set(position, outcome);
    progress.ended(position, outcome);
  };
  const told: CallProgress<Value> = {
    limitMs: progress.limitMs,
    working(positions) {
      if (!signal.aborted) progress.working(positions);
    },
    ended(position, outcome) {
      if (signal.aborted) return;
      const item = items.slice(position, position + 1);
      for (const verified of verifyOutcomes(item, [outcome], problemOf)) end(position, verified);
    },
  };
  progress.working([...items.keys()]);
  try {
    const outcomes = await untilAborted(call(items, told), signal, ABORT_GRACE_MS);
    signal.throwIfAborted();
    for (const [position, outcome] of verifyOutcomes(items, outcomes, problemOf).entries()) end(position, outcome);
  } catch (error) {
    signal.throwIfAborted();
    for (const [position, item] of items.entries()) {
      if (known.has(position)) continue;
      if (items.length === 1) {
        end(position, failed(messageOf(error), error));
        continue;
      }
      const [alone] = await callModel([item], call, problemOf, signal, {
        limitMs: progress.limitMs,
        working: (positions) => progress.working(positions.map(() => position)),
        ended: (_, outcome) => end(position, outcome),
      });
      if (alone !== undefined) end(position, alone);
    }
  }
  return items.map((_, position) => known.get(position) ?? failed('The model gave no answer'));
}

function mapOutcome<From, To>(
  outcome: ItemOutcome<From>,
  index: number,
  map: (value: From, index: number) => To,
): ItemOutcome<To> {
  return outcome.ok ? { ...outcome, value: map(outcome.value, index) } : outcome;
}

function mapValues<From, To>(
  outcomes: readonly ItemOutcome<From>[],
  map: (value: From, index: number) => To,
): ItemOutcome<To>[] {
  return outcomes.map((outcome, index) => mapOutcome(outcome, index, map));
}

/** Texts are written down once, though they are told of and answered. */
function onceEach<From>(format: (value: From, index: number) => string): (value: From, index: number) => string {
  const texts = new Map<number, string>();
  return (value, index) => {
    const text = texts.get(index) ?? format(value, index);
    texts.set(index, text);
    return text;
  };
}

function mapProgress<From, To>(
  progress: CallProgress<To>,
  map: (value: From, index: number) => To,
): CallProgress<From> {
  return {
    limitMs: progress.limitMs,
    working: (positions) => progress.working(positions),
    ended: (position, outcome) => progress.ended(position, mapOutcome(outcome, position, map)),
  };
}

function isGenerate(request: ModelRequest): request is Extract<ModelRequest, { item: { prompt: string } }> {
  return request.function !== 'embed' && request.function !== 'rerank';
}
