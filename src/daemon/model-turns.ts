import { backoffMs } from '../core/backoff.ts';
import type { Clock } from '../core/clock.ts';
import type { Trouble } from '../core/recurring-trouble.ts';
import type { Model } from '../models/port.ts';
import { type CallSize, createCallSize } from './call-size.ts';

/** Calls at once where the model does not mind. */
const MOST_CALLS = 32;
/** One turn in so many goes to whoever has waited longest, so that a flood of changes does not hold up a backfill for ever. */
const FAIR_EVERY = 4;
const PAUSE = { baseMs: 1_000, capMs: 60_000 };

/** Changes of rows go before rows of a pass. */
export type TurnKind = 'live' | 'pass';

/**
 * The calls of one model by all jobs of the daemon: never more at once than it takes, in turns. While the model or its server is
 * unavailable nobody calls it but one, now and then.
 */
export interface ModelTurns {
  /** How long to wait before anything is claimed for this model; 0 while it is available. */
  readonly pauseMs: number;
  /** True from the first call that came to nothing to the next answer: claim little, as it may fail again. */
  readonly isDoubtful: boolean;
  /** Of each call. */
  readonly size: CallSize;
  /** Runs `call` when it is its turn. Rejects with the signal's reason when that aborts before. */
  run<T>(kind: TurnKind, signal: AbortSignal, call: () => Promise<T>): Promise<T>;
  /** The model has answered. */
  noteAnswer(): void;
  /** The model has answered some calls, and asks for a pause before the others. */
  holdBack(ms: number): void;
  /** A call came to nothing because of the model or its server. */
  noteUnavailable(error: Error, retryAfterMs?: number): void;
}

interface Waiting {
  readonly kind: TurnKind;
  readonly start: () => void;
}

/**
 * @param trouble told of the model's outages.
 * @param onLongCall told once that a call has kept the event loop for so many milliseconds, and with how many texts.
 */
export function createModelTurns(
  model: Pick<Model, 'maxConcurrency'>,
  trouble: Pick<Trouble, 'note' | 'settle'>,
  clock: Clock,
  onLongCall: (ms: number, texts: number) => void = () => undefined,
): ModelTurns {
  const limit = Math.min(model.maxConcurrency, MOST_CALLS);
  const waiting: Waiting[] = [];
  let running = 0;
  let turns = 0;
  let failures = 0;
  let notBeforeMs = 0;

  function next(): void {
    turns += 1;
    const live = turns % FAIR_EVERY === 0 ? -1 : waiting.findIndex(({ kind }) => kind === 'live');
    const [first] = waiting.splice(Math.max(0, live), 1);
    first?.start();
  }

  async function takeTurn(kind: TurnKind, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (running < limit) {
      running += 1;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const giveUp = () => {
        waiting.splice(waiting.indexOf(entry), 1);
        reject(signal.reason);
      };
      const entry: Waiting = {
        kind,
        start: () => {
          signal.removeEventListener('abort', giveUp);
          resolve();
        },
      };
      signal.addEventListener('abort', giveUp, { once: true });
      waiting.push(entry);
    });
  }

  return {
    size: createCallSize(clock, onLongCall),
    get pauseMs() {
      return Math.max(0, notBeforeMs - clock.nowMs());
    },
    get isDoubtful() {
      return failures > 0;
    },
    async run(kind, signal, call) {
      await takeTurn(kind, signal);
      try {
        return await call();
      } finally {
        // The turn passes on, so that nobody new comes in between.
        if (waiting.length > 0) next();
        else running -= 1;
      }
    },
    noteAnswer() {
      if (failures > 0) trouble.settle();
      failures = 0;
      notBeforeMs = 0;
    },
    holdBack(ms) {
      notBeforeMs = Math.max(notBeforeMs, clock.nowMs() + ms);
    },
    noteUnavailable(error, retryAfterMs) {
      trouble.note(error);
      // Calls that were under way together are one failure.
      if (clock.nowMs() >= notBeforeMs) failures += 1;
      const pauseMs = retryAfterMs ?? backoffMs(failures, undefined, PAUSE);
      notBeforeMs = Math.max(notBeforeMs, clock.nowMs() + pauseMs);
    },
  };
}
