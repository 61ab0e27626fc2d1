import { messageOf } from '../core/errors.ts';
import type { CallProgress } from '../models/call-progress.ts';
import { failed, type ItemOutcome, type ModelError, unavailable } from '../models/outcome.ts';
import type { CallSize } from './call-size.ts';

/** How long an aborted model may take to stop. */
export const ABORT_GRACE_MS = 1_000;
/** Longest that a model may be at the same texts of a call; then these have failed. */
const CALL_LIMIT_MS = 300_000;
/** Longest that a call waits for its turn at an engine, or for one that starts again: it may have to load from a cold disk. */
const MOST_IDLE_MS = 900_000;
/** So many texts that fail alone, without one that succeeds, are no bad texts: the model is at fault. */
const LONE_FAILURES = 3;

const UNLIMITED: CallSize = { run: (texts, call) => call(texts) };

export interface AskOptions<Value> {
  /** A call of the model: an outcome for each text. It settles soon after the signal aborts, whatever the model does. */
  readonly ask: (
    texts: readonly string[],
    signal: AbortSignal,
    progress: CallProgress<Value>,
  ) => Promise<readonly ItemOutcome<Value>[]>;
  /** Runs a call when it is its turn. @default at once */
  readonly inTurn?: (call: () => Promise<readonly ItemOutcome<Value>[]>) => Promise<readonly ItemOutcome<Value>[]>;
  /** @default all of them at once */
  readonly size?: CallSize | undefined;
  /** Told of the outcomes of each call. */
  readonly onAnswers: (texts: readonly string[], outcomes: readonly ItemOutcome<Value>[]) => void;
  readonly signal: AbortSignal;
  /** How long the model may be at the same texts of a call; then these have failed. @default 5 minutes */
  readonly callLimitMs?: number | undefined;
}

/**
 * Asks a model for something of each text. A call that fails as a whole, or takes too long, is divided until the text to blame is alone: at
 * most 2·log2(texts) calls more for each such text.
 *
 * @throws the signal's reason.
 */
export async function askModel<Value>(texts: readonly string[], options: AskOptions<Value>): Promise<void> {
  const { inTurn = (run) => run(), size = UNLIMITED, onAnswers, signal } = options;
  const parts = [texts];
  let loneFailures = 0;
  let hasAnswer = false;
  for (let part = parts.shift(); part !== undefined; part = parts.shift()) {
    let asked = part;
    if (!hasAnswer && loneFailures >= LONE_FAILURES) {
      onAnswers(
        asked,
        asked.map(() => unavailable('The model failed for each text that it was asked for alone')),
      );
      continue;
    }
    try {
      const outcomes = await inTurn(() =>
        size.run(part, (first) => {
          asked = first;
          if (first.length < part.length) parts.unshift(part.slice(first.length));
          return call(first, options);
        }),
      );
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

/** The error where every text was refused for the model's sake. */
export function outageOf(outcomes: readonly ItemOutcome<unknown>[]): ModelError | undefined {
  const errors = outcomes.flatMap((outcome) => (outcome.ok ? [] : [outcome.error]));
  const refused = errors.filter(({ kind }) => kind === 'unavailable');
  return refused.length > 0 && refused.length === outcomes.length ? refused[0] : undefined;
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
 * The time that a call waits for its turn, or for an engine, is another call's: what cannot be begun with at all is `unavailable`.
 *
 * @throws TimeUp; the signal's reason; what the model throws.
 */
async function call<Value>(
  texts: readonly string[],
  { ask, signal, callLimitMs = CALL_LIMIT_MS }: AskOptions<Value>,
): Promise<readonly ItemOutcome<Value>[]> {
  const limit = new AbortController();
  const either = AbortSignal.any([signal, limit.signal]);
  let atWork: readonly number[] = [...texts.keys()];
  const expire = () =>
    setTimeout(() => limit.abort(), atWork.length === 0 ? Math.max(callLimitMs, MOST_IDLE_MS) : callLimitMs);
  let timer = expire();
  const progress: CallProgress<Value> = {
    limitMs: callLimitMs,
    working(positions) {
      if (limit.signal.aborted) return;
      clearTimeout(timer);
      atWork = positions;
      timer = expire();
    },
    ended: () => undefined,
  };
  try {
    const outcomes = await ask(texts, either, progress);
    if (!limit.signal.aborted) return outcomes;
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
