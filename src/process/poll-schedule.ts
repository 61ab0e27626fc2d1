import type { Clock } from '../core/clock.ts';
import type { Logger } from '../core/log.ts';
import type { Queryable } from '../db/query.ts';
import { confirmWakeUp, parseWakeUp, requestWakeUp, type WakeTopic } from './wake-up.ts';

/** The shortest poll interval that gives way to the watch of another process, which finds within a second what was missed. */
const WATCHED_MS = 1_000;
/** How long a process that will be woken goes without a scan while another one scans for all. */
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
 * When to scan again for work of one topic. A notification is only a hint: one that was not sent, because whoever queued something read the
 * flag before it was set, is made good by scanning again soon after work, less and less often.
 */
export interface PollSchedule {
  /** Notes a payload heard on WAKE_CHANNEL; true when it is about this topic, so that a scan is due now. */
  noteWakeUp(payload: string): boolean;
  setListening(isListening: boolean): void;
  /** Takes note that work was found. */
  reset(): void;
  /** Asks to be woken, unless there was work just now; true when that was done, so that one more scan is due. */
  requestOnce(): Promise<boolean>;
  /** How long to wait before the next scan: some short pauses, then each twice as long as the last, up to the poll interval. */
  nextPauseMs(): number;
}

export interface PollScheduleDeps {
  readonly db: Queryable;
  readonly topic: WakeTopic;
  /** The longest pause; asked with true while this process hears notifications and has asked for one. */
  readonly longestPauseMs: (isAsleep: boolean) => number;
  readonly log: Logger;
  readonly clock: Clock;
}

/** The longest pause of a process that has asked to be woken while another one scans for all, from its poll interval. */
export const restMs = (pollIntervalMs: number) =>
  pollIntervalMs < WATCHED_MS ? pollIntervalMs : Math.max(pollIntervalMs, REST_MS);

export function createPollSchedule({ db, topic, longestPauseMs, log, clock }: PollScheduleDeps): PollSchedule {
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
   * Everybody who saw the flag before it was taken down has sent the same epoch. One statement at a time, for the epoch heard last: any
   * role may send others, and thousands of them must not keep the rest of the process waiting for a connection. The claim goes first,
   * alone, in the session that has run it before.
   */
  async function confirm(): Promise<void> {
    if (isConfirming) return;
    isConfirming = true;
    await clock.delay(CONFIRM_AFTER_MS);
    while (heard !== confirmed) {
      confirmed = heard;
      await confirmWakeUp(db, topic, confirmed).catch((error: unknown) =>
        log.debug({ err: error }, 'could not confirm a wake-up'),
      );
    }
    isConfirming = false;
  }

  return {
    noteWakeUp(payload) {
      const wakeUp = parseWakeUp(payload);
      if (wakeUp?.topic !== topic) return false;
      if (wakeUp.epoch === undefined) return true;
      hasRequested = false;
      reset();
      heard = wakeUp.epoch;
      void confirm();
      return true;
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
        await requestWakeUp(db, topic);
      } catch (error) {
        hasRequested = false;
        throw error;
      }
      // Who was about to commit did not see the request: scan again as soon as after work.
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
