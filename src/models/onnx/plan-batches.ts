/**
 * Groups texts of the given lengths into batches of at most `budget` tokens with padding, shortest first; each is in
 * exactly one batch, and one that is longer than the budget is alone.
 *
 * @returns Positions in `lengths`.
 */
export function planBatches(lengths: readonly number[], budget: number): number[][] {
  const sorted = lengths.map((length, position) => ({ length, position })).sort((a, b) => a.length - b.length);
  const batches: number[][] = [];
  let batch: number[] = [];
  for (const { length, position } of sorted) {
    if (batch.length > 0 && (batch.length + 1) * length > budget) {
      batches.push(batch);
      batch = [];
    }
    batch.push(position);
  }
  if (batch.length > 0) batches.push(batch);
  return batches;
}
