import { backoffMs } from './backoff.ts';
import { type Clock, systemClock } from './clock.ts';
import type { Trouble } from './recurring-trouble.ts';

/** Something that runs until it is told to stop. */
export interface Service {
  /** Resolves once nothing of the service runs any more; safe to call repeatedly. */
  stop(): Promise<void>;
}

export interface Loop extends Service {
  /** Starts the next pass as soon as the current one is over; the pause after a failed pass is cut short only when its trouble may be over. */
  wake(): void;
  /** Ends the pause after a failed pass, as what it failed for may be over; the pauses after that begin short again. */
  tryAgain(): void;
}

interface LoopBasics {
  /** Pause between passes; a function is asked anew after each pass. */
  readonly intervalMs: number | (() => number);
  /** Runs one pass, and is never called again before that pass has settled. The signal aborts on stop. */
  readonly runOnce: (signal: AbortSignal) => Promise<void>;
  /** Told when the loop itself fails, as `intervalMs` or `onError` has thrown: it does not go on. @default the trouble */
  readonly onDeath?: OnError;
  readonly clock?: Clock;
}

/** Told of each failed pass, except those that fail because the loop is being stopped. */
type OnError = (error: unknown) => void;

/** Failed passes are noted in `trouble`, which the next good one settles, or left to `onError`. */
export type LoopOptions = LoopBasics &
  (
    | { readonly trouble: Trouble; readonly onError?: OnError }
    | { readonly trouble?: undefined; readonly onError: OnError }
  );

const FAILED_PASS_PAUSE = { baseMs: 100, capMs: 10_000 };

/**
 * Runs `runOnce` at once and then again and again until stopped, never twice at a time. After failed passes the pause grows to at
 * least 0.1 s, then 0.2 s and so on up to 10 s, so that a short interval cannot turn an outage into a storm. Whoever notices first that
 * the outage is over ends the pauses of all.
 */
export function startLoop(options: LoopOptions): Loop {
  const { intervalMs, runOnce, trouble, onError, onDeath, clock = systemClock } = options;
  const stopping = new AbortController();
  let pause = new AbortController();
  let isWoken = false;
  let failures = 0;

  const runPass = async () => {
    try {
      await runOnce(stopping.signal);
      failures = 0;
      trouble?.settle();
    } catch (error) {
      failures += 1;
      if (stopping.signal.aborted) return;
      trouble?.note(error);
      onError?.(error);
    }
  };

  const tryAgain = () => {
    if (failures === 0) return;
    failures = 1;
    pause.abort();
  };
  trouble?.onRecovery(tryAgain);

  const run = async () => {
    // A turn of the event loop, so that the caller holds the loop before its first pass begins.
    await Promise.resolve();
    while (!stopping.signal.aborted) {
      isWoken = false;
      await runPass();
      if (stopping.signal.aborted || (isWoken && failures === 0)) continue;
      pause = new AbortController();
      const idleMs = typeof intervalMs === 'function' ? intervalMs() : intervalMs;
      const failureMs = failures === 0 ? 0 : backoffMs(failures, undefined, FAILED_PASS_PAUSE);
      await clock.delay(Math.max(idleMs, failureMs), pause.signal);
    }
  };
  const done = run();
  // `stop` reports it, too.
  done.catch((error: unknown) => (onDeath === undefined ? trouble?.die(error) : onDeath(error)));

  return {
    tryAgain,
    wake() {
      isWoken = true;
      if (failures === 0) pause.abort();
    },
    async stop() {
      stopping.abort();
      pause.abort();
      await done;
    },
  };
}
