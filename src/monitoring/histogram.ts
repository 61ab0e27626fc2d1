/** Upper bounds of the buckets of waits and runs, in seconds, as `lamplighter.list_metric_bounds()` has them; one more bucket is what is longer. */
export const BOUNDS_S: readonly number[] = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800, 7_200, 86_400,
];

const BOUNDS_MS = BOUNDS_S.map((bound) => bound * 1_000);

/** The bucket of a span in milliseconds. */
export function bucketOf(ms: number): number {
  let low = 0;
  let high = BOUNDS_MS.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ms <= (BOUNDS_MS[middle] ?? 0)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Adds counts by bucket; zeros at the end may be missing in either. */
export function addCounts(total: number[], counts: readonly number[]): void {
  for (const [at, count] of counts.entries()) total[at] = (total[at] ?? 0) + count;
}

/**
 * A quantile of spans that were counted by bucket, in milliseconds, on a straight line within its bucket; undefined where nothing was
 * counted. It is wrong by the width of its bucket at most; of what is beyond the last bound it gives that bound.
 */
export function quantileMs(counts: readonly number[], quantile: number): number | undefined {
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total === 0) return undefined;
  let left = quantile * total;
  for (const [at, count] of counts.entries()) {
    const low = BOUNDS_S[at - 1] ?? 0;
    const high = BOUNDS_S[at] ?? low;
    if (left <= count && count > 0) return (low + ((high - low) * left) / count) * 1_000;
    left -= count;
  }
  return (BOUNDS_S.at(-1) ?? 0) * 1_000;
}
