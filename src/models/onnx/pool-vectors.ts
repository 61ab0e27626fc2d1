import type { Pooling } from '../files/model-files.ts';

/** The kinds of pooling that are done here. */
export type TokenPooling = Exclude<Pooling, 'none'>;

/**
 * The vector of a text from the hidden states of its own tokens, `tokenCount` rows of `dimensions` values that begin at `offset`; padding
 * behind them is never read, so it cannot change a bit.
 */
export function poolTokens(
  states: Float32Array,
  offset: number,
  tokenCount: number,
  dimensions: number,
  pooling: TokenPooling,
): Float64Array {
  switch (pooling) {
    case 'cls':
      return rowAt(states, offset, dimensions);
    case 'last':
      return rowAt(states, offset + (tokenCount - 1) * dimensions, dimensions);
    case 'mean': {
      const sums = new Float64Array(dimensions);
      for (let token = 0; token < tokenCount; token += 1) {
        const start = offset + token * dimensions;
        for (let at = 0; at < dimensions; at += 1) sums[at] = (sums[at] ?? 0) + (states[start + at] ?? Number.NaN);
      }
      // Not divided by the count: only the direction is kept.
      return sums;
    }
  }
}

/** The vector brought to length 1; undefined for one without a length or with a value that is not finite. */
export function normalise(vector: Float64Array): Float32Array | undefined {
  let squares = 0;
  for (const value of vector) squares += value * value;
  const norm = Math.sqrt(squares);
  return norm > 0 && Number.isFinite(norm) ? Float32Array.from(vector, (value) => value / norm) : undefined;
}

function rowAt(values: Float32Array, offset: number, dimensions: number): Float64Array {
  return Float64Array.from(values.subarray(offset, offset + dimensions));
}
