import type { Clock } from '../core/clock.ts';
import type { Logger } from '../core/log.ts';
import type { Queryable } from '../db/query.ts';
import { confirmWakeUp, requestWakeUp } from '../requests/wake-up.ts';

/** The shortest poll interval that is kept by the upkeep, which finds what was missed within a second. */
const WATCHED_MS = 1_000;
/** How long a worker that will be woken goes without looking: the upkeep looks for all. */
const REST_MS = 10_000;

/** First pause after work, when notifications are heard. */
const FIRST_PAUSE_MS = 2;
/** The same when they are not. */
const FIRST_PAUSE_POLLING_MS = 20;
/**
 * Pauses of that length before a wake-up is asked for: while requests keep coming, nobody needs to notify. A worker that asked whenever
 * it found nothing had 32 enqueuers wait for each other's notifications, and cost them a quarter of their commits a second.
 */
const SHORT_PAUSES = 3;
/** Time for the claim that a notification brings. Beside it, on a small machine, a second statement costs both a tenth of their time. */
const CONFIRM_AFTER_MS = 2;

/**
 * When to look again. A notification is only a hint: one that the enqueuer decided not to send, because it read the flag before it was
 * set, is made good by looking again soon after work, less and less often.
 */
export interface Waker {
  /** To be called with the epoch of each wake-up heard. */
  onWakeUp(epoch: string): void;
  setListening(isListening: boolean): void;
  /** Work was found. */
  reset(): void;
  /** Asks to be woken, unless there was work just now; true when that was done, so that the queue must be looked at once more. */
  requestOnce(): Promise<boolean>;
  /** How long to wait before looking again: some short pauses, then each twice as long as the last, up to the poll interval. */
  nextPauseMs(): number;
}

/** The pause of a worker that has asked to be woken and that the upkeep watches over, from its poll interval. */
export const restMs = (pollIntervalMs: number) =>
  pollIntervalMs < WATCHED_MS ? pollIntervalMs : Math.max(pollIntervalMs, REST_MS);

/** `longestPauseMs` is asked with true while the worker hears notifications and has asked for one. */
export function createWaker(
  db: Queryable,
  longestPauseMs: (isAsleep: boolean) => number,
  log: Logger,
  clock: Clock,
): Waker {
  let isListening = false;
  let hasRequested = false;
  let pauseMs = FIRST_PAUSE_POLLING_MS;
  let shortPausesLeft = SHORT_PAUSES;
  let heard = '';
  let confirmed = '';
  let isConfirming = false;

  function reset(): void {
    pauseMs = isListening ? FIRST_PAUSE_MS : FIRST_PAUSE_POLLING_MS;
    shortPausesLeft = SHORT_PAUSES;
  }

  /**
   * Every enqueuer that saw the flag before it was taken down has sent the same epoch. One statement at a time, for the epoch heard
   * last: any role may send others, and thousands of them must not keep what the worker does waiting for a connection. The claim goes
   * first, alone, in the session that has run it before.
   */
  async function confirm(): Promise<void> {
    if (isConfirming) return;
    isConfirming = true;
    await clock.delay(CONFIRM_AFTER_MS);
    while (heard !== confirmed) {
      confirmed = heard;
      await confirmWakeUp(db, 'requests', confirmed).catch((error: unknown) =>
        log.debug({ err: error }, 'could not confirm a wake-up'),
      );
    }
    isConfirming = false;
  }

  return {
    onWakeUp(epoch) {
      hasRequested = false;
      reset();
      heard = epoch;
      void confirm();
    },
    setListening(value) {
      isListening = value;
      hasRequested = false;
      reset();
    },
    reset,
    async requestOnce() {
      if (!isListening || hasRequested || shortPausesLeft > 0) return false;
      hasRequested = true;
      try {
        await requestWakeUp(db, 'requests');
      } catch (error) {
        hasRequested = false;
        throw error;
      }
      // Who was about to commit did not see the request: look again as soon as after work.
      pauseMs = FIRST_PAUSE_MS;
      return true;
    },
    nextPauseMs() {
      const longestMs = longestPauseMs(isListening && hasRequested);
      const current = Math.min(pauseMs, longestMs);
      if (isListening && !hasRequested && shortPausesLeft > 0) shortPausesLeft -= 1;
      else pauseMs = Math.min(pauseMs * 2, longestMs);
      return current;
    },
  };
}
