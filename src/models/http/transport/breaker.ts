import { backoffMs } from '../../../core/backoff.ts';
import type { Clock } from '../../../core/clock.ts';
import type { ModelError } from '../../outcome.ts';

/** Failures in a row that open it. */
const FAILURES_TO_OPEN = 5;
const OPEN_LIMITS = { baseMs: 1_000, capMs: 60_000 };
/** What callers are told while the one probe of a half-open breaker is under way. */
const PROBE_WAIT_MS = 1_000;

/** The right to make one call; exactly one of its methods is to be called, once. */
export interface Admission {
  readonly isAdmitted: true;
  /** The server answered, with success or error. */
  succeed(): void;
  /** The server did not answer, or said that it cannot now. */
  fail(error: ModelError): void;
  /** Nothing was learned of the server, as when the caller aborted or the request alone was to blame. */
  release(): void;
}

export type Admittance =
  | Admission
  /** Refused, with the last failure that kept it open. */
  | { readonly isAdmitted: false; readonly retryAfterMs: number; readonly cause: ModelError | undefined };

/** Spares a server that does not answer, and those who would wait for it. */
export interface Breaker {
  readonly isOpen: boolean;
  /** True when a pause is over and the next call shows whether the server is back. */
  readonly isHalfOpen: boolean;
  admit(): Admittance;
  /**
   * The server answered a small request beside the calls: they are let through again. The next failure opens it again, for
   * longer than before; only the success of a call makes it forget. While it is open this changes nothing: the small request was
   * sent before, and the server may have asked for the pause.
   */
  noteSign(): void;
  /** The server did not answer a small request. */
  noteSilence(error: ModelError): void;
}

/**
 * A breaker that opens after five failures in a row: for 1 s, then twice as long after each failed probe up to 60 s, less a
 * random part, or for as long as the server asked. Then one call is let through; its success closes the breaker.
 */
export function createBreaker(clock: Clock, random: () => number = Math.random): Breaker {
  let failures = 0;
  let openings = 0;
  let openUntilMs = 0;
  let isProbing = false;
  let cause: ModelError | undefined;

  function succeed(): void {
    failures = 0;
    openings = 0;
    openUntilMs = 0;
  }

  function fail(error: ModelError, isProbe: boolean): void {
    failures += 1;
    cause = error;
    if (failures < FAILURES_TO_OPEN) return;
    const isOpen = clock.nowMs() < openUntilMs;
    // Calls that were under way when it opened come to their end later; only a probe makes the next pause longer.
    if (!isOpen || isProbe) openings += 1;
    const pauseMs = Math.max(backoffMs(openings, random, OPEN_LIMITS), error.retryAfterMs ?? 0);
    openUntilMs = Math.max(openUntilMs, clock.nowMs() + pauseMs);
  }

  const waitMs = () => openUntilMs - clock.nowMs();
  const isHalfOpen = () => failures >= FAILURES_TO_OPEN && waitMs() <= 0;

  return {
    get isOpen() {
      return waitMs() > 0;
    },
    get isHalfOpen() {
      return isHalfOpen();
    },
    admit() {
      if (waitMs() > 0) return { isAdmitted: false, retryAfterMs: Math.ceil(waitMs()), cause };
      const isProbe = isHalfOpen();
      if (isProbe && isProbing) return { isAdmitted: false, retryAfterMs: PROBE_WAIT_MS, cause };
      if (isProbe) isProbing = true;
      const settle = () => {
        if (isProbe) isProbing = false;
      };
      return {
        isAdmitted: true,
        succeed() {
          settle();
          succeed();
        },
        fail(error) {
          settle();
          fail(error, isProbe);
        },
        release: settle,
      };
    },
    noteSign() {
      if (waitMs() > 0) return;
      failures = Math.min(failures, FAILURES_TO_OPEN - 1);
      openUntilMs = 0;
    },
    noteSilence(error) {
      fail(error, isHalfOpen());
    },
  };
}
