import { performance } from 'node:perf_hooks';

/** Longest wait a Node timer can hold; longer ones would fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Time as services see it, so that tests can pass their own. */
export interface Clock {
  /** Monotonic milliseconds from an arbitrary start: for differences, never for dates. */
  nowMs(): number;
  /** Resolves after `ms`, or at once when `signal` aborts; never rejects. */
  delay(ms: number, signal?: AbortSignal): Promise<void>;
}

/** The clock of the host. */
export const systemClock: Clock = {
  nowMs: () => performance.now(),
  delay: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted === true) {
        resolve();
        return;
      }
      const finish = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', finish);
        resolve();
      };
      const timer = setTimeout(finish, Math.min(Math.max(ms, 0), MAX_TIMER_MS));
      signal?.addEventListener('abort', finish, { once: true });
    }),
};
