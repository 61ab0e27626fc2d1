import type { Span } from '@opentelemetry/api';
import { createPacer } from '../core/pacer.ts';
import { estimateTokens } from '../embeddings/chunks/estimate-tokens.ts';
import type { RowAnswer } from '../embeddings/write-vectors.ts';
import { embeddingProblem, verifyOutcomes } from '../models/answer-requests.ts';
import type { CallProgress } from '../models/call-progress.ts';
import { traceModelCall } from '../models/call-span.ts';
import type { ItemOutcome, ModelError } from '../models/outcome.ts';
import type { Model } from '../models/port.ts';
import { untilAborted } from '../models/until-aborted.ts';
import { ABORT_GRACE_MS, type AskOptions, askModel, outageOf } from './ask-model.ts';
import type { ModelTurns, TurnKind } from './model-turns.ts';
import { PROBE } from './served-models.ts';
import type { TokenBudget } from './token-budget.ts';

/** Tokens that most tokenizers put around a text. */
const SPECIAL_TOKENS = 2;
/** UTF-16 units that are read of a text, for each token that the model reads. */
const MOST_UNITS_PER_TOKEN = 8;
const DAY_USED_UP = { error: 'max_tokens_per_day is used up', isRow: false, isUntried: true };
/** The words in which our models report a vector of another length. */
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
  /** The span of the batch, where the program traces. */
  readonly span?: Span | undefined;
  /** How long the model may be at the same texts of a call; then these have failed. @default 5 minutes */
  readonly callLimitMs?: number | undefined;
}

/** What the vectors of some rows took. */
export interface EmbedUsage {
  /** Calls of the model. */
  readonly calls: number;
  /**
   * Tokens of all texts that were answered, each counted once; undefined where the model does not tell. With a budget, what is to be added
   * to the tokens that were claimed, and mostly below 0.
   */
  readonly tokens: number | undefined;
  /** The one that tokens were claimed for. */
  readonly day?: string | undefined;
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
  const sizes = budget === undefined ? [] : await sizesOf(distinct, model, options.signal);
  const { granted = distinct.length, day } = (await budget?.claim(sizes)) ?? {};
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
      askInTurn(chunk, options, (part, found) => {
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
  const usage = { calls, tokens: tokensOf(texts, outcomes, budget === undefined ? undefined : sizes), day, truncated };
  if (all.some(({ ok }) => ok)) turns.noteAnswer();
  const answers = rows.map(({ text }) => (late.has(text) ? DAY_USED_UP : answerOf(outcomes.get(text))));
  const refusedMs = Math.max(0, ...all.map(askedMsOf));
  const outage = outageOf(all);
  if (outage !== undefined) {
    turns.noteUnavailable(new Error(outage.message, { cause: outage.cause }), outage.retryAfterMs);
    return { answers, usage, outage };
  }
  if (refusedMs > 0) turns.holdBack(refusedMs);
  const wrong = all.flatMap((outcome) => wrongLengthOf(outcome) ?? []);
  const [first] = wrong;
  if (first === undefined) return { answers, usage };
  const isOfAll = wrong.length > 1 && wrong.length === all.length;
  return isOfAll || (await isProbeWrong(options)) ? { answers, usage, wrongDimensions: first } : { answers, usage };
}

/** Asks the model for texts when it is their turn; `onAnswers` is told of each call. */
function askInTurn(
  texts: readonly string[],
  options: EmbedRowsOptions,
  onAnswers: AskOptions<Float32Array>['onAnswers'],
): Promise<void> {
  const { turns, kind, signal, callLimitMs } = options;
  return askModel<Float32Array>(texts, {
    signal,
    callLimitMs,
    ask: (part, either, progress) => embed(part, options, either, progress),
    inTurn: (call) => turns.run(kind, signal, call),
    size: turns.size,
    onAnswers,
  });
}

/** Whether a text that is no row's has a vector of another length, too: then no row's text is to blame. */
async function isProbeWrong(options: EmbedRowsOptions): Promise<boolean> {
  let isWrong = false;
  await askInTurn([PROBE], options, (_, outcomes) => {
    isWrong = outcomes.some((outcome) => wrongLengthOf(outcome) !== undefined);
  });
  return isWrong;
}

/** The sentence of the model that says so. */
function wrongLengthOf(outcome: ItemOutcome<unknown>): string | undefined {
  return outcome.ok || !WRONG_LENGTH.test(outcome.error.message) ? undefined : outcome.error.message;
}

/** What each text will take at most, with its special tokens, where the model reads that many. */
async function sizesOf(
  texts: readonly string[],
  { window = Number.POSITIVE_INFINITY }: Pick<Model, 'window'>,
  signal: AbortSignal,
): Promise<readonly number[]> {
  const pacer = createPacer(signal);
  const sizes: number[] = [];
  for (const text of texts) {
    const read = text.slice(0, window * MOST_UNITS_PER_TOKEN);
    sizes.push(Math.min(window, estimateTokens(read).length + SPECIAL_TOKENS));
    if (pacer.isDue()) await pacer.pause();
  }
  return sizes;
}

async function embed(
  texts: readonly string[],
  { model, dimensions, span }: EmbedRowsOptions,
  signal: AbortSignal,
  progress: CallProgress<Float32Array>,
): Promise<readonly ItemOutcome<Float32Array>[]> {
  const askers = () => (span === undefined ? [] : [span]);
  const outcomes = await traceModelCall({ model, functionName: 'embed', itemCount: texts.length, askers }, () =>
    untilAborted(model.embed(texts, signal, progress), signal, ABORT_GRACE_MS),
  );
  return verifyOutcomes(texts, outcomes, (vector) => embeddingProblem(vector, dimensions));
}

/** Tokens that the texts took, less those that were claimed; where the model does not tell, the claim stands. */
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

/** How long the model asks not to be called; a text of its own does not ask for that. */
function askedMsOf(outcome: ItemOutcome<unknown>): number {
  return outcome.ok || outcome.error.kind !== 'unavailable' ? 0 : (outcome.error.retryAfterMs ?? 0);
}

/** What a row is told of its text. */
export function answerOf(outcome: ItemOutcome<Float32Array> | undefined): RowAnswer {
  if (outcome === undefined) return { error: 'The model gave no answer', isRow: true };
  if (outcome.ok) return outcome.value;
  const { message, kind, retryAfterMs } = outcome.error;
  // What is invalid stays so: to ask five times would be paid for five times.
  const mostAttempts = kind === 'invalid' ? 1 : undefined;
  return { error: message, isRow: kind !== 'unavailable', againMs: retryAfterMs, mostAttempts };
}
