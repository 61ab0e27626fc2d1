import { messageOf } from '../core/errors.ts';
import { failed, type ItemOutcome } from './outcome.ts';
import type { Model, ModelRequest } from './port.ts';
import { formatEmbedding, formatRanking } from './result-text.ts';
import { untilAborted } from './until-aborted.ts';
import { embeddingProblem, rankingProblem, textProblem, verifyOutcomes } from './verify-answer.ts';

/** How long an aborted model may take to stop; one that does not listen is left behind after it. */
const ABORT_GRACE_MS = 1_000;

/**
 * The answers to requests of one function, as the texts kept in `steadytext_queue.result`, one per request and in order.
 *
 * Every answer is verified; a wrong one is `failed`. When the call as a whole comes to nothing, each request is asked
 * alone, one after the other, so that only the one to blame fails. At most `model.maxBatch[function]` requests.
 *
 * @throws The signal's reason, at most a second after it aborted.
 * @throws RangeError for requests of several functions.
 */
export async function answerRequests(
  model: Model,
  requests: readonly ModelRequest[],
  signal: AbortSignal,
): Promise<ItemOutcome<string>[]> {
  const fn = requests[0]?.function;
  if (requests.some((request) => request.function !== fn)) {
    throw new RangeError('The requests of one call must be of one function');
  }
  switch (fn) {
    case undefined:
      return [];
    case 'embed': {
      const texts = requests.flatMap((request) => (request.function === 'embed' ? [request.item] : []));
      return mapValues(await embedTexts(model, texts, signal), formatEmbedding);
    }
    case 'rerank': {
      const items = requests.flatMap((request) => (request.function === 'rerank' ? [request.item] : []));
      const scores = await callModel(items, (part) => model.rerank(part, signal), rankingProblem, signal);
      return mapValues(scores, (value, index) => formatRanking(items[index]?.documents ?? [], value));
    }
    case 'generate':
    case 'generate_json':
    case 'generate_regex':
    case 'generate_choice': {
      const items = requests.flatMap((request) => (isGenerate(request) ? [request.item] : []));
      return callModel(items, (part) => model.generate(part, signal), textProblem, signal);
    }
  }
}

/** The verified, L2-normalised vectors of at most `model.maxBatch.embed` texts; otherwise like {@link answerRequests}. */
export function embedTexts(
  model: Model,
  texts: readonly string[],
  signal: AbortSignal,
): Promise<ItemOutcome<Float32Array>[]> {
  const problemOf = (vector: Float32Array) => embeddingProblem(vector, model.dimensions);
  return callModel(texts, (part) => model.embed(part, signal), problemOf, signal);
}

async function callModel<Item, Value>(
  items: readonly Item[],
  call: (items: readonly Item[]) => Promise<readonly ItemOutcome<Value>[]>,
  problemOf: (value: Value, item: Item) => string | undefined,
  signal: AbortSignal,
): Promise<ItemOutcome<Value>[]> {
  signal.throwIfAborted();
  try {
    const outcomes = await untilAborted(call(items), signal, ABORT_GRACE_MS);
    signal.throwIfAborted();
    return verifyOutcomes(items, outcomes, problemOf);
  } catch (error) {
    signal.throwIfAborted();
    if (items.length === 1) return [failed(messageOf(error), error)];
    const outcomes: ItemOutcome<Value>[] = [];
    for (const item of items) outcomes.push(...(await callModel([item], call, problemOf, signal)));
    return outcomes;
  }
}

function mapValues<From, To>(
  outcomes: readonly ItemOutcome<From>[],
  map: (value: From, index: number) => To,
): ItemOutcome<To>[] {
  return outcomes.map((outcome, index) => (outcome.ok ? { ok: true, value: map(outcome.value, index) } : outcome));
}

function isGenerate(request: ModelRequest): request is Extract<ModelRequest, { item: { prompt: string } }> {
  return request.function !== 'embed' && request.function !== 'rerank';
}
