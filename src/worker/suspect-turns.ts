import type { Clock } from '../core/clock.ts';

/**
 * How long rescued requests wait for the worker to be idle by itself before it stops claiming others for them. Counts towards the 35 s in
 * which what a dead worker held is to run again.
 */
const PATIENCE_MS = 1_000;
/** The same after it was made idle for nothing, because others run them, or nobody here can. */
const MOST_PATIENCE_MS = 300_000;
/** How long rescued requests are run one by one before others have their turn again. */
const TURN_MS = 1_000;

/**
 * When it is the turn of requests that a worker died with: each has to run while nothing else does. An idle worker takes them at once; a
 * busy one first has to run dry, which is worth it only if there is one that it can take.
 */
export interface SuspectTurns {
  /** There are some, perhaps not for this worker. */
  note(): void;
  /** What to do: `run` one, `drain` (claim nothing, so that the worker becomes idle), or go on with `others`. */
  next(isIdle: boolean): 'run' | 'drain' | 'others';
  /** One was found that this worker can take. */
  found(): void;
  /** There is none that this worker can take. */
  foundNone(): void;
}

export function createSuspectTurns(clock: Clock): SuspectTurns {
  let sinceMs: number | undefined;
  let turnEndMs: number | undefined;
  let patienceMs = PATIENCE_MS;
  let hasDrained = false;
  return {
    note() {
      sinceMs ??= clock.nowMs();
    },
    next(isIdle) {
      const nowMs = clock.nowMs();
      if (sinceMs === undefined) return 'others';
      if (isIdle) {
        turnEndMs ??= nowMs + TURN_MS;
        if (nowMs < turnEndMs) return 'run';
        turnEndMs = undefined;
        sinceMs = nowMs;
        return 'others';
      }
      if (nowMs - sinceMs <= patienceMs) return 'others';
      hasDrained = true;
      return 'drain';
    },
    found() {
      patienceMs = PATIENCE_MS;
      hasDrained = false;
    },
    foundNone() {
      if (hasDrained) patienceMs = Math.min(patienceMs * 2, MOST_PATIENCE_MS);
      hasDrained = false;
      turnEndMs = undefined;
      sinceMs = undefined;
    },
  };
}
