import { setTimeout as delay } from 'node:timers/promises';

export interface EventuallyOptions {
  /** @default 10000 */
  readonly timeoutMs?: number;
  /** @default 20 in the first second, 50 after it: most of what is waited for comes at once, or takes seconds */
  readonly intervalMs?: number;
}

const SOON_MS = 1_000;

/**
 * Resolves with what `check` returns as soon as it returns without throwing, and fails with its last error after `timeoutMs`. For
 * what happens in another process; within one, await the event itself.
 */
export async function eventually<T>(check: () => T | Promise<T>, options: EventuallyOptions = {}): Promise<T> {
  const { timeoutMs = 10_000, intervalMs } = options;
  const startedMs = performance.now();
  const deadlineMs = startedMs + timeoutMs;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (performance.now() > deadlineMs) throw error;
    }
    await delay(intervalMs ?? (performance.now() - startedMs < SOON_MS ? 20 : 50));
  }
}
