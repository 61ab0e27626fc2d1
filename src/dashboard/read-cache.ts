import type { Clock } from '../core/clock.ts';

/** How long an answer is valid without events of changes. */
const MAX_AGE_MS = 500;
const MAX_ENTRIES = 500;

/** Lets whoever asks the same at the same time share one read of the database. */
export type ReadCache = <T>(key: string, read: () => Promise<T>) => Promise<T>;

/**
 * A read that began before `epoch` changed does not answer later callers, so that no page shows less than its event announced. A failed
 * read answers only the callers that waited for it.
 */
export function createReadCache(clock: Clock, epoch: () => number): ReadCache {
  const entries = new Map<
    string,
    { readonly epoch: number; readonly startedMs: number; readonly result: Promise<unknown> }
  >();
  return <T>(key: string, read: () => Promise<T>): Promise<T> => {
    const known = entries.get(key);
    if (known !== undefined && known.epoch === epoch() && clock.nowMs() - known.startedMs < MAX_AGE_MS) {
      return known.result as Promise<T>; // the same key is the same route
    }
    entries.delete(key);
    const entry = { epoch: epoch(), startedMs: clock.nowMs(), result: read() };
    entries.set(key, entry);
    entry.result.catch(() => {
      if (entries.get(key) === entry) entries.delete(key);
    });
    const [oldest] = entries.keys();
    if (entries.size > MAX_ENTRIES && oldest !== undefined) entries.delete(oldest);
    return entry.result;
  };
}
