import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock } from '../core/clock.ts';

/** A model that computes in this process is given so many texts at once that heartbeats, and all other jobs, wait for about this long. */
const AIM_MS = 500;
/** Models that wait for a server, or for a process of their own, are far below. */
const LONG_MS = 1_000;
/** Worth telling: what depends on the process is late by that much. */
const TOLD_MS = 2_000;
/** What is shorter is left out of account. */
const SHORT_MS = 50;
/** This part of what a call has kept from everything else is left to that before the next one. */
const REST_SHARE = 10;

/**
 * How many texts a model is given at once: as many as it takes, and fewer where it keeps the event loop to itself while it computes. What it
 * does after it has waited for something is not seen.
 */
export interface CallSize {
  /** Calls with the first of the texts, once everything else has had its turn. */
  run<T>(texts: readonly string[], call: (first: readonly string[]) => Promise<T>): Promise<T>;
}

/** @param onLong told of the first call that has kept the event loop for long, and of its texts. */
export function createCallSize(clock: Clock, onLong: (ms: number, texts: number) => void): CallSize {
  let most = Number.POSITIVE_INFINITY;
  let isTold = false;
  /** When a call began in this turn of the event loop: the next one begins in another. */
  let turnMs: number | undefined;
  /** Everything else has the event loop for itself. */
  let rest: Promise<void> | undefined;

  /** All that had to run in this turn has run. */
  function endTurn(): void {
    const keptMs = turnMs === undefined ? 0 : clock.nowMs() - turnMs;
    turnMs = undefined;
    if (keptMs <= SHORT_MS) return;
    rest = clock.delay(Math.min(keptMs, LONG_MS) / REST_SHARE).then(() => {
      rest = undefined;
    });
  }

  function note(texts: number, ms: number): void {
    if (ms >= TOLD_MS && !isTold) {
      isTold = true;
      onLong(ms, texts);
    }
    if (ms > LONG_MS) most = Math.max(1, Math.floor((texts * AIM_MS) / ms));
    else if (ms < AIM_MS / 2 && texts >= most) most *= 2;
  }

  return {
    async run(texts, call) {
      while (turnMs !== undefined || rest !== undefined) await (rest ?? nextTurn());
      const first = texts.slice(0, most);
      const startedMs = clock.nowMs();
      turnMs = startedMs;
      setImmediate(endTurn);
      let endMs: number | undefined;
      setImmediate(() => {
        endMs ??= clock.nowMs();
      });
      try {
        return await call(first);
      } finally {
        note(first.length, (endMs ?? clock.nowMs()) - startedMs);
      }
    },
  };
}
