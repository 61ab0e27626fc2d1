import type { Span } from '@opentelemetry/api';
import { messageOf } from '../core/errors.ts';
import { estimateTokens } from '../embeddings/chunks/estimate-tokens.ts';
import type { RowAnswer } from '../embeddings/write-vectors.ts';
import type { CallProgress } from '../models/call-progress.ts';
import { traceModelCall } from '../models/call-span.ts';
import { failed, type ItemOutcome, type ModelError, unavailable } from '../models/outcome.ts';
import type { Model } from '../models/port.ts';
import { untilAborted } from '../models/until-aborted.ts';
import { embeddingProblem, verifyOutcomes } from '../models/verify-answer.ts';
import type { ModelTurns, TurnKind } from './model-turns.ts';
import type { TokenBudget } from './token-budget.ts';

/** How long an aborted model may take to stop. */
const ABORT_GRACE_MS = 1_000;
/** Longest that a model may be at the same texts of a call; then these have failed. */
const CALL_LIMIT_MS = 300_000;
/** Longest that a call waits for its turn at an engine, or for one that starts again: it may have to load from a cold disk. */
const MOST_IDLE_MS = 900_000;
/** So many texts that fail alone, without one that succeeds, are no bad texts: the model is at fault. */
const LONE_FAILURES = 3;
/** Around a text, as most tokenizers put them. */
const SPECIAL_TOKENS = 2;
const DAY_USED_UP = { error: 'max_tokens_per_day is used up', isRow: false, isUntried: true };
/** As models of ours say it. */
const WRONG_LENGTH = /gave (?:a vector of )?\d+ dimensions instead of \d+/;

export interface EmbedRowsOptions {
  readonly model: Model;
  readonly dimensions: number;
  readonly turns: ModelTurns;
  readonly kind: TurnKind;
  /** Most texts of one call. @default what the model takes */
  readonly batchSize?: number | undefined;
  /** What the job may still use today. @default no limit */
  readonly budget?: Pick<TokenBudget, 'claim'> | undefined;
  readonly signal: AbortSignal;
  /** Of the batch, where the program traces. */
  readonly span?: Span | undefined;
  /** How long the model may be at the same texts of a call; then these have failed. @default 5 minutes */
  readonly callLimitMs?: number | undefined;
}

/** What the vectors of some rows took. */
export interface EmbedUsage {
  /** Calls of the model. */
  readonly calls: number;
  /**
   * Of all texts that were answered, each counted once; undefined where the model does not tell. With a budget, what is to be added to the
   * tokens that were claimed, and mostly below 0.
   */
  readonly tokens: number | undefined;
  /** Rows whose text was longer than the model's window, so that its end is not in the vector; undefined where the model does not tell. */
  readonly truncated: number | undefined;
}

export interface EmbeddedRows {
  /** One per row, in order. */
  readonly answers: readonly RowAnswer[];
  readonly usage: EmbedUsage;
  /** Why nothing came of it at all: the model or its server is unavailable, and no row is charged. */
  readonly outage?: ModelError;
  /** The model gives vectors of another length now, as a sentence: no matter of rows. */
  readonly wrongDimensions?: string;
}

/**
 * The vectors of the texts, each text asked once however many rows have it. A call that fails as a whole is divided until the text to
 * blame is alone: at most 2·log2(texts) calls more for each such text.
 *
 * @throws the signal's reason.
 */
export async function embedRows(
  rows: readonly { readonly text: string }[],
  options: EmbedRowsOptions,
): Promise<EmbeddedRows> {
  const { model, turns, budget, batchSize = Number.POSITIVE_INFINITY } = options;
  const distinct = [...new Set(rows.map(({ text }) => text))];
  const sizes = budget === undefined ? [] : distinct.map((text) => sizeOf(text, model));
  const granted = (await budget?.claim(sizes)) ?? distinct.length;
  const texts = distinct.slice(0, granted);
  const late = new Set(distinct.slice(granted));
  const size = Math.max(1, Math.min(model.maxBatch.embed, batchSize));
  const chunks = Array.from({ length: Math.ceil(texts.length / size) }, (_, at) =>
    texts.slice(at * size, (at + 1) * size),
  );
  const outcomes = new Map<string, ItemOutcome<Float32Array>>();
  let calls = 0;
  await Promise.all(
    chunks.map((chunk) =>
      divide(chunk, options, (part, found) => {
        calls += 1;
        for (const [at, text] of part.entries()) {
          const outcome = found[at];
          if (outcome !== undefined) outcomes.set(text, outcome);
        }
      }),
    ),
  );
  const all = [...outcomes.values()];
  const truncated = truncatedOf(rows.map(({ text }) => outcomes.get(text)));
  const usage = { calls, tokens: tokensOf(texts, outcomes, budget === undefined ? undefined : sizes), truncated };
  if (all.some(({ ok }) => ok)) turns.noteAnswer();
  const answers = rows.map(({ text }) => (late.has(text) ? DAY_USED_UP : answerOf(outcomes.get(text))));
  const refusedMs = Math.max(0, ...all.map(askedMsOf));
  const outage = outageOf(all);
  if (outage !== undefined) {
    turns.noteUnavailable(new Error(outage.message, { cause: outage.cause }), outage.retryAfterMs);
    return { answers, usage, outage };
  }
  if (refusedMs > 0) turns.holdBack(refusedMs);
  const wrong = all.filter((outcome) => !outcome.ok && WRONG_LENGTH.test(outcome.error.message));
  const [first] = wrong;
  if (first === undefined || first.ok || wrong.length < 2 || wrong.length < all.length) return { answers, usage };
  return { answers, usage, wrongDimensions: first.error.message };
}

/** What a text will take at most, with its special tokens, where the model reads that many. */
function sizeOf(text: string, { window = Number.POSITIVE_INFINITY }: Pick<Model, 'window'>): number {
  return Math.min(window, estimateTokens(text).length + SPECIAL_TOKENS);
}

/** Of texts whose tokens were claimed, the difference to that: for those that the model does not tell of, there is none. */
function tokensOf(
  texts: readonly string[],
  outcomes: ReadonlyMap<string, ItemOutcome<unknown>>,
  claimed: readonly number[] | undefined,
): number | undefined {
  const told = texts.flatMap((text, at) => {
    const outcome = outcomes.get(text);
    const taken = claimed?.[at] ?? 0;
    if (outcome?.ok === true) return outcome.tokens === undefined ? [] : outcome.tokens - taken;
    return claimed === undefined ? [] : -taken;
  });
  return told.length === 0 ? undefined : told.reduce((sum, tokens) => sum + tokens, 0);
}

function truncatedOf(outcomes: readonly (ItemOutcome<unknown> | undefined)[]): number | undefined {
  const told = outcomes.flatMap((outcome) => (outcome?.ok === true ? (outcome.isTruncated ?? []) : []));
  return told.length === 0 ? undefined : told.filter(Boolean).length;
}

type OnAnswers = (texts: readonly string[], outcomes: readonly ItemOutcome<Float32Array>[]) => void;

async function divide(texts: readonly string[], options: EmbedRowsOptions, onAnswers: OnAnswers): Promise<void> {
  const { turns, kind, signal } = options;
  const parts = [texts];
  let loneFailures = 0;
  let hasAnswer = false;
  for (let part = parts.shift(); part !== undefined; part = parts.shift()) {
    const asked = part;
    if (!hasAnswer && loneFailures >= LONE_FAILURES) {
      onAnswers(
        asked,
        asked.map(() => unavailable('The model failed for each text that it was asked for alone')),
      );
      continue;
    }
    try {
      const outcomes = await turns.run(kind, signal, () => call(asked, options));
      hasAnswer ||= outcomes.some(({ ok }) => ok);
      onAnswers(asked, outcomes);
    } catch (error) {
      signal.throwIfAborted();
      const { blamed, others } = error instanceof TimeUp ? error : { blamed: asked, others: [] };
      if (blamed.length === 1) {
        loneFailures += 1;
        onAnswers(blamed, [failed(messageOf(error), error)]);
      } else {
        const middle = Math.ceil(blamed.length / 2);
        parts.unshift(blamed.slice(0, middle), blamed.slice(middle));
      }
      // What has nothing to do with it goes first: a hanging text takes all of its time.
      if (others.length > 0) parts.unshift(others);
    }
  }
}

/** The model was at `blamed` for as long as a call may take; `others` it had not begun with, or had done with. */
class TimeUp extends Error {
  readonly blamed: readonly string[];
  readonly others: readonly string[];

  constructor(limitMs: number, blamed: readonly string[], others: readonly string[]) {
    super(`The model did not answer within ${limitMs / 1_000} s`);
    this.blamed = blamed;
    this.others = others;
  }
}

/**
 * Asks the model. The time that a call waits for its turn, or for an engine, is another call's: what cannot be begun with at all is
 * `unavailable`.
 *
 * @throws TimeUp; the signal's reason; what the model throws.
 */
async function call(
  texts: readonly string[],
  { model, dimensions, signal, span, callLimitMs = CALL_LIMIT_MS }: EmbedRowsOptions,
): Promise<readonly ItemOutcome<Float32Array>[]> {
  const limit = new AbortController();
  const either = AbortSignal.any([signal, limit.signal]);
  let atWork: readonly number[] = [...texts.keys()];
  const expire = () =>
    setTimeout(() => limit.abort(), atWork.length === 0 ? Math.max(callLimitMs, MOST_IDLE_MS) : callLimitMs);
  let timer = expire();
  const progress: CallProgress<Float32Array> = {
    limitMs: callLimitMs,
    working(positions) {
      if (limit.signal.aborted) return;
      clearTimeout(timer);
      atWork = positions;
      timer = expire();
    },
    ended: () => undefined,
  };
  const askers = () => (span === undefined ? [] : [span]);
  try {
    const outcomes = await traceModelCall({ model, functionName: 'embed', itemCount: texts.length, askers }, () =>
      untilAborted(model.embed(texts, either, progress), either, ABORT_GRACE_MS),
    );
    if (!limit.signal.aborted) return verifyOutcomes(texts, outcomes, (vector) => embeddingProblem(vector, dimensions));
  } catch (error) {
    if (!limit.signal.aborted) throw error;
  } finally {
    clearTimeout(timer);
  }
  signal.throwIfAborted();
  if (atWork.length === 0)
    return texts.map(() => unavailable(`The model has not begun within ${MOST_IDLE_MS / 1_000} s`));
  const blamed = new Set(atWork);
  const [those, others] = [texts.filter((_, at) => blamed.has(at)), texts.filter((_, at) => !blamed.has(at))];
  throw new TimeUp(callLimitMs, those, others);
}

/** Every text was refused for the model's sake. */
function outageOf(outcomes: readonly ItemOutcome<Float32Array>[]): ModelError | undefined {
  const errors = outcomes.flatMap((outcome) => (outcome.ok ? [] : [outcome.error]));
  const refused = errors.filter(({ kind }) => kind === 'unavailable');
  return refused.length > 0 && refused.length === outcomes.length ? refused[0] : undefined;
}

/** How long the model asks not to be called; a text of its own does not ask for that. */
function askedMsOf(outcome: ItemOutcome<unknown>): number {
  return outcome.ok || outcome.error.kind !== 'unavailable' ? 0 : (outcome.error.retryAfterMs ?? 0);
}

function answerOf(outcome: ItemOutcome<Float32Array> | undefined): RowAnswer {
  if (outcome === undefined) return { error: 'The model gave no answer', isRow: true };
  if (outcome.ok) return outcome.value;
  const { message, kind, retryAfterMs } = outcome.error;
  // What is invalid stays so: to ask five times would be paid for five times.
  const mostAttempts = kind === 'invalid' ? 1 : undefined;
  return { error: message, isRow: kind !== 'unavailable', againMs: retryAfterMs, mostAttempts };
}
