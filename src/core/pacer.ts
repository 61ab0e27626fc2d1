import { setImmediate as nextTurn } from 'node:timers/promises';
import { systemClock } from './clock.ts';

/** Longest stretch of work before the event loop gets a turn. Too high delays heartbeats; each turn costs some 5 us. */
const STRETCH_MS = 8;

/** Shares the event loop during long work on the main thread. */
export interface Pacer {
  /** True when it is time to await {@link Pacer.pause}; cheap enough to ask after every few microseconds of work. */
  isDue(): boolean;
  /** Lets everything else run once; throws the signal's reason when it has aborted. */
  pause(): Promise<void>;
}

/** A pacer whose first stretch begins now. */
export function createPacer(signal: AbortSignal): Pacer {
  let resumedAt = systemClock.nowMs();
  return {
    isDue: () => systemClock.nowMs() - resumedAt > STRETCH_MS,
    async pause() {
      await nextTurn();
      signal.throwIfAborted();
      resumedAt = systemClock.nowMs();
    },
  };
}
