import type { Clock } from '../../../core/clock.ts';
import type { CallProgress } from '../../call-progress.ts';

/** The part of the caller's limit that is left for what comes after an answer that did not come, at most 5 s. */
const MARGIN = 0.1;
const MAX_MARGIN_MS = 5_000;
/** A request that has less left is the caller's to end. */
const LEAST_MS = 1_000;

/** What the requests of one call are at, for the one who made it: what only waits is held against nobody. */
export interface CallWork {
  /** The part of a request's own limit that lets it end before the caller gives it up. */
  boundMs(ownMs: number): number;
  /** What is left of the caller's limit for the one request that the call is at; `otherwiseMs` where the caller has none. */
  leftMs(otherwiseMs: number): number;
  /** Runs what one request does; it is at work meanwhile, but for its waits. */
  request<T>(run: () => Promise<T>): Promise<T>;
  /** Runs what a request, or the call, waits for: its turn, or what a canary brings. */
  wait<T>(run: () => Promise<T>): Promise<T>;
}

/** The call is idle while each of its requests waits; `count` is of its items. */
export function createCallWork(
  count: number,
  clock: Clock,
  progress?: Pick<CallProgress<unknown>, 'limitMs' | 'working'>,
): CallWork {
  const limitMs = progress?.limitMs;
  const boundedMs = limitMs === undefined ? undefined : limitMs - Math.min(MAX_MARGIN_MS, limitMs * MARGIN);
  const all = Array.from({ length: count }, (_, position) => position);
  let requests = 0;
  let waits = 0;
  let isIdle = false;
  let sinceMs = clock.nowMs();

  function tell(): void {
    const isIdleNow = waits > 0 && waits >= requests;
    if (isIdleNow === isIdle) return;
    isIdle = isIdleNow;
    if (!isIdle) sinceMs = clock.nowMs();
    progress?.working(isIdle ? [] : all);
  }

  return {
    boundMs: (ownMs) => Math.min(ownMs, boundedMs ?? ownMs),
    leftMs: (otherwiseMs) =>
      boundedMs === undefined
        ? otherwiseMs
        : Math.max(Math.min(boundedMs, LEAST_MS), boundedMs - (clock.nowMs() - sinceMs)),
    async request(run) {
      requests += 1;
      tell();
      try {
        return await run();
      } finally {
        requests -= 1;
        tell();
      }
    },
    async wait(run) {
      waits += 1;
      tell();
      try {
        return await run();
      } finally {
        waits -= 1;
        tell();
      }
    },
  };
}
