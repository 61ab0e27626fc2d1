import type { Clock } from '../../core/clock.ts';
import { PassingProblem } from './hub/hub-problem.ts';

/** Silence after which a connection counts as dead; at most twice that passes. */
const SILENCE_MS = 30_000;

export interface SilenceOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Another number whenever something has come. @default nothing comes before the end */
  readonly progress?: () => number;
}

/**
 * Runs work that hears from the hub, and ends it when nothing has come for 30 seconds. `fetch` alone would wait five minutes for a hub that
 * takes a request and says nothing.
 *
 * @throws PassingProblem after the silence; the signal's reason; what the work throws.
 */
export async function endSilence<T>(
  work: (signal: AbortSignal) => Promise<T>,
  { clock, signal, progress = () => 0 }: SilenceOptions,
): Promise<T> {
  const silence = new AbortController();
  const ended = new AbortController();
  const watch = async () => {
    for (let last = progress(); !ended.signal.aborted; ) {
      await clock.delay(SILENCE_MS, ended.signal);
      if (ended.signal.aborted) return;
      const now = progress();
      if (now === last) silence.abort();
      last = now;
    }
  };
  const watching = watch();
  try {
    return await work(AbortSignal.any([signal, silence.signal]));
  } catch (error) {
    signal.throwIfAborted();
    if (silence.signal.aborted) throw new PassingProblem(`Nothing came for ${SILENCE_MS / 1_000} seconds`);
    throw error;
  } finally {
    ended.abort();
    await watching;
  }
}
