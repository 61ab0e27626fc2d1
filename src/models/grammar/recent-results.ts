/** Keeps the results of the most recent keys. */
export interface RecentResults<T> {
  /** The kept result of a key, or that of `make`, kept from now on; a `make` that throws keeps nothing. */
  get(key: string, make: () => T): T;
}

/** Keeps the results of at most `size` keys, the least recently asked for going first. */
export function createRecentResults<T>(size: number): RecentResults<T> {
  const kept = new Map<string, { readonly result: T }>();
  return {
    get(key, make) {
      const found = kept.get(key) ?? { result: make() };
      kept.delete(key);
      kept.set(key, found);
      for (const oldest of kept.keys()) {
        if (kept.size <= size) break;
        kept.delete(oldest);
      }
      return found.result;
    },
  };
}
