/** For {@link planBatches} where nothing counts but the number of batches. */
export const FEWEST_BATCHES = 1_000_000_000;

/**
 * Groups texts of the given lengths into batches of at most `budget` tokens with padding, shortest first; each is in exactly one batch, and
 * one that is longer than the budget is alone. Of all such groupings it is the one with the fewest tokens, where padding counts and each
 * batch counts `batchCost` tokens more: few texts of very different lengths are then not filled up to the longest, and texts of one length
 * stay together.
 *
 * @returns Positions in `lengths`.
 */
export function planBatches(lengths: readonly number[], budget: number, batchCost: number): number[][] {
  const sorted = lengths.map((length, position) => ({ length, position })).sort((a, b) => a.length - b.length);
  /** Of the texts before a place: what they cost at best, and where the last of their batches begins then. */
  const costs = [0];
  const starts = [0];
  for (const [last, { length }] of sorted.entries()) {
    let [cost, start] = [Number.POSITIVE_INFINITY, last];
    for (let first = last; first >= 0; first -= 1) {
      const tokens = (last + 1 - first) * length;
      if (tokens > budget && first < last) break;
      const sum = (costs[first] ?? 0) + batchCost + tokens;
      // Of equal ones the larger batch.
      if (sum <= cost) [cost, start] = [sum, first];
    }
    costs.push(cost);
    starts.push(start);
  }
  const batches: number[][] = [];
  for (let end = sorted.length; end > 0; end = starts[end] ?? 0) {
    batches.push(sorted.slice(starts[end] ?? 0, end).map(({ position }) => position));
  }
  return batches.reverse();
}
