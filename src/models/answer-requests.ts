import { messageOf } from '../core/errors.ts';
import type { CallProgress } from './call-progress.ts';
import { parseJson } from './json/json-text.ts';
import { jsonbProblem } from './json/jsonb-problem.ts';
import { failed, type ItemOutcome } from './outcome.ts';
import type { GenerateItem, Model, ModelRequest, RerankItem } from './port.ts';
import { formatEmbedding, formatRanking } from './result-text.ts';
import { untilAborted } from './until-aborted.ts';

/** How long an aborted model may take to stop; one that does not listen is left behind after it. */
const ABORT_GRACE_MS = 1_000;
/** How far the length of an embedding may be from 1. */
const NORM_TOLERANCE = 1e-3;

/** Half of a surrogate pair: with the `u` flag, a pair is one character. */
const LONE_SURROGATE = /[\ud800-\udfff]/u;

const KINDS: ReadonlySet<unknown> = new Set(['invalid', 'failed', 'unavailable']);

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

/**
 * The outcomes with every wrong answer turned into a `failed` one, one per item and in order.
 *
 * `problemOf` says what is wrong with an answer, or nothing.
 *
 * @throws Error when the outcomes are not one per item: then it is unknown which belongs to which.
 */
export function verifyOutcomes<Item, Value>(
  items: readonly Item[],
  outcomes: readonly ItemOutcome<Value>[],
  problemOf: (value: Value, item: Item) => string | undefined,
): ItemOutcome<Value>[] {
  if (!Array.isArray(outcomes) || outcomes.length !== items.length) {
    throw new Error(
      `The model gave ${Array.isArray(outcomes) ? outcomes.length : 'no'} answers to ${items.length} items`,
    );
  }
  return items.map((item, index) => {
    const outcome = outcomes[index];
    if (outcome?.ok === true) {
      const problem = problemOf(outcome.value, item);
      return problem === undefined ? outcome : failed(problem);
    }
    return KINDS.has(outcome?.error?.kind) && outcome !== undefined ? outcome : failed('The model gave no answer');
  });
}

/** What is wrong with an embedding: its type, length, a value that is not finite, or a norm that is not 1. */
export function embeddingProblem(vector: Float32Array, dimensions: number | undefined): string | undefined {
  if (!(vector instanceof Float32Array)) return 'The model gave something other than a vector of float32 values';
  if (vector.length === 0) return 'The model gave an empty vector';
  if (dimensions !== undefined && vector.length !== dimensions) {
    return `The model gave ${vector.length} dimensions instead of ${dimensions}`;
  }
  let squares = 0;
  // By index: an iterator costs six times as much.
  for (let at = 0; at < vector.length; at += 1) squares += (vector[at] ?? 0) ** 2;
  if (!Number.isFinite(squares)) return 'The model gave a vector with a value that is not a finite number';
  const norm = Math.sqrt(squares);
  return Math.abs(norm - 1) <= NORM_TOLERANCE ? undefined : `The model gave a vector of length ${norm} instead of 1`;
}

/** What is wrong with the scores of one item: their number, or a score that is not from 0 to 1. */
export function rankingProblem(scores: readonly number[], { documents }: RerankItem): string | undefined {
  if (!Array.isArray(scores) || scores.length !== documents.length) {
    return `The model gave ${Array.isArray(scores) ? scores.length : 'no'} scores for ${documents.length} documents`;
  }
  const wrong = scores.find((score) => !(typeof score === 'number' && score >= 0 && score <= 1));
  return wrong === undefined ? undefined : `The model gave the score ${String(wrong)}, which is not from 0 to 1`;
}

/**
 * What is wrong with a generated text: a type other than text, a character that PostgreSQL cannot hold, JSON that does
 * not parse or cannot become `jsonb`, or a text that is none of the choices. Schemas and patterns are the model's duty.
 */
export function textProblem(text: string, { output }: GenerateItem): string | undefined {
  if (typeof text !== 'string') return 'The model gave something other than a text';
  if (text.includes('\0')) return 'The model gave a text with a zero character, which PostgreSQL cannot hold';
  if (LONE_SURROGATE.test(text)) return 'The model gave a text with half a surrogate pair';
  if (output.kind === 'choice' && !output.choices.includes(text)) return 'The model gave none of the choices';
  if (output.kind === 'json') return jsonProblem(text);
  return undefined;
}

function jsonProblem(text: string): string | undefined {
  try {
    const problem = jsonbProblem(parseJson(text));
    return problem === undefined ? undefined : `The model gave JSON with ${problem} that jsonb cannot hold`;
  } catch {
    // Nor is it where it is nested beyond what the stack has room for: jsonb cannot hold that either.
    return 'The model gave a text that is not JSON';
  }
}
