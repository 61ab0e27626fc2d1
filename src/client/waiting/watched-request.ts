import { onAbort } from '../../core/on-abort.ts';
import { parseResult } from '../request-result.ts';
import { createLookSchedule, type LookSchedule } from './look-schedule.ts';
import type { Outcome } from './read-outcomes.ts';
import { abortedError, cancelledError, deletedError, failedError, timeoutError, unseenError } from './wait-errors.ts';

/** How long a request may stay unknown: it may be about to commit. */
const GRACE_MS = 5_000;
/** How long after its deadline a waiter is given up though the last look has not come back. */
const LAST_LOOK_MS = 2_000;

/** One call of `wait`. Settling it twice is harmless. */
export interface Waiter {
  readonly sinceMs: number;
  readonly timeoutMs: number;
  /** Settles with what `give` returns or throws. */
  settle(give: () => unknown): void;
}

/** A request that somebody waits for. */
export interface WatchedRequest {
  readonly requestId: string;
  readonly schedule: LookSchedule;
  readonly waiters: Set<Waiter>;
  /** Its row was seen once: when it is missing later, it was deleted. */
  wasSeen: boolean;
}

export function createWatchedRequest(requestId: string, nowMs: number): WatchedRequest {
  return { requestId, schedule: createLookSchedule(nowMs), waiters: new Set(), wasSeen: false };
}

export interface WaiterOptions {
  readonly nowMs: number;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  /** The last waiter of the request is gone. */
  readonly onUnwanted: () => void;
}

/** Adds a waiter, which leaves when it is settled or its signal aborts, and returns what it waits for. */
export function addWaiter(watched: WatchedRequest, options: WaiterOptions): Promise<unknown> {
  const { nowMs, timeoutMs, signal, onUnwanted } = options;
  const { requestId, waiters } = watched;
  return new Promise((resolve, reject) => {
    const waiter: Waiter = {
      sinceMs: nowMs,
      timeoutMs,
      settle(give) {
        stopListening();
        if (waiters.delete(waiter) && waiters.size === 0) onUnwanted();
        try {
          resolve(give());
        } catch (error) {
          reject(error);
        }
      },
    };
    const giveUpWaiting = () => waiter.settle(fail(abortedError(requestId, signal?.reason)));
    const stopListening = onAbort(signal, giveUpWaiting);
    waiters.add(waiter);
    if (signal?.aborted === true) giveUpWaiting();
  });
}

/** Settles every waiter with the error. */
export function failAll({ waiters }: WatchedRequest, error: unknown): void {
  for (const waiter of waiters) waiter.settle(fail(error));
}

/** Settles these waiters: their time is up, and the request goes on. */
export function timeOut(requestId: string, waiters: readonly Waiter[], advice: string | undefined): void {
  for (const waiter of waiters) waiter.settle(fail(timeoutError(requestId, waiter.timeoutMs, { advice })));
}

/** When a look is due: by schedule, or because a waiter's time is up and it deserves a last one. */
export function nextLookMs({ schedule, waiters, wasSeen }: WatchedRequest): number {
  let next = schedule.nextLookMs;
  for (const waiter of waiters) next = Math.min(next, verdictMs(waiter, wasSeen));
  return next;
}

/** When waiters are given up without a look: soon after their deadline, at once while the database cannot be asked. */
export function giveUpMs({ waiters }: WatchedRequest, isOut: boolean): number {
  let next = Number.POSITIVE_INFINITY;
  for (const { sinceMs, timeoutMs } of waiters) next = Math.min(next, sinceMs + timeoutMs);
  return isOut ? next : next + LAST_LOOK_MS;
}

/** Gives up the waiters whose time is over by {@link giveUpMs}. */
export function giveUp({ requestId, waiters }: WatchedRequest, nowMs: number, failure: unknown): void {
  const patienceMs = failure === undefined ? LAST_LOOK_MS : 0;
  for (const waiter of waiters) {
    if (nowMs < waiter.sinceMs + waiter.timeoutMs + patienceMs) continue;
    const cause = failure ?? new Error('no answer in time');
    waiter.settle(fail(timeoutError(requestId, waiter.timeoutMs, { cause })));
  }
}

/**
 * Settles the waiters that the row found by a look of `lookedMs` satisfies: all of them when the request has ended or was deleted, those
 * whose time is up when it is not to be found. Returns those whose time is up while the request goes on; the caller settles them.
 *
 * Who came after the look has begun is left to the next one: what it found may be older than what they know, e.g. after a retry.
 */
export function applyOutcome(watched: WatchedRequest, row: Outcome | undefined, lookedMs: number): Waiter[] {
  const { requestId, schedule, wasSeen } = watched;
  const waiters = [...watched.waiters].filter(({ sinceMs }) => sinceMs <= lookedMs);
  const settleAll = (give: () => unknown) => {
    for (const waiter of waiters) waiter.settle(give);
  };
  if (row === undefined) {
    schedule.missed();
    if (wasSeen) settleAll(fail(deletedError(requestId)));
    for (const waiter of waiters) {
      if (lookedMs >= verdictMs(waiter, false)) waiter.settle(fail(unseenError(requestId, lookedMs - waiter.sinceMs)));
    }
    return [];
  }
  watched.wasSeen = true;
  switch (row.status) {
    case 'completed':
      // Parsed anew for each: a vector can be written to.
      settleAll(() => parseResult(row.function_name, row.result));
      return [];
    case 'failed':
      settleAll(fail(failedError(row)));
      return [];
    case 'cancelled':
      settleAll(fail(cancelledError(requestId)));
      return [];
    default:
      schedule.missed();
      return waiters.filter((waiter) => lookedMs >= verdictMs(waiter, true));
  }
}

function verdictMs({ sinceMs, timeoutMs }: Waiter, wasSeen: boolean): number {
  return sinceMs + (wasSeen ? timeoutMs : Math.min(timeoutMs, GRACE_MS));
}

function fail(error: unknown): () => never {
  return () => {
    throw error;
  };
}
