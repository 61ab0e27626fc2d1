import { backoffMs } from '../../../core/backoff.ts';
import type { Clock } from '../../../core/clock.ts';

/** Failures in a row that open it. */
const FAILURES_TO_OPEN = 5;
const OPEN_LIMITS = { baseMs: 1_000, capMs: 60_000 };
/** What callers are told while the one probe of a half-open breaker is under way. */
const PROBE_WAIT_MS = 1_000;

/** The right to make one call; exactly one of its methods is to be called, once. */
export interface Admission {
  readonly isAdmitted: true;
  /** The server answered, whatever it said of the request. */
  succeed(): void;
  /** The server did not answer, or said that it cannot now. */
  fail(retryAfterMs: number | undefined): void;
  /** Nothing was learned, as when the caller aborted. */
  release(): void;
}

export type Admittance = Admission | { readonly isAdmitted: false; readonly retryAfterMs: number };

/** Spares a server that does not answer, and those who would wait for it. */
export interface Breaker {
  admit(): Admittance;
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

  function succeed(): void {
    failures = 0;
    openings = 0;
  }

  function fail(retryAfterMs: number | undefined, isProbe: boolean): void {
    failures += 1;
    if (failures < FAILURES_TO_OPEN) return;
    const isOpen = clock.nowMs() < openUntilMs;
    // Calls that were under way when it opened come to their end later; only a probe makes the next pause longer.
    if (!isOpen || isProbe) openings += 1;
    const pauseMs = Math.max(backoffMs(openings, random, OPEN_LIMITS), retryAfterMs ?? 0);
    openUntilMs = Math.max(openUntilMs, clock.nowMs() + pauseMs);
  }

  return {
    admit() {
      const waitMs = openUntilMs - clock.nowMs();
      if (waitMs > 0) return { isAdmitted: false, retryAfterMs: Math.ceil(waitMs) };
      const isProbe = failures >= FAILURES_TO_OPEN;
      if (isProbe && isProbing) return { isAdmitted: false, retryAfterMs: PROBE_WAIT_MS };
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
        fail(retryAfterMs) {
          settle();
          fail(retryAfterMs, isProbe);
        },
        release: settle,
      };
    },
  };
}
