import { describe, expect, it } from 'vitest';
import { normalise, poolTokens } from './graph.ts';

/** Two texts of three places with two values each; the second text has one token, and padding that must not be read. */
const STATES = Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8, Number.NaN, Number.NaN, Number.NaN, Number.NaN);

describe('poolTokens', () => {
  it.each([
    ['mean', [9, 12], [7, 8]],
    ['cls', [1, 2], [7, 8]],
    ['last', [5, 6], [7, 8]],
  ] as const)('reads the direction of the %s of a text`s own tokens', (pooling, first, second) => {
    expect([...poolTokens(STATES, 0, 3, 2, pooling)]).toEqual(first);
    expect([...poolTokens(STATES, 6, 1, 2, pooling)]).toEqual(second);
  });
});

describe('normalise', () => {
  it('brings a vector to length 1', () => {
    expect(normalise(Float64Array.of(3, 4))).toEqual(Float32Array.of(0.6, 0.8));
  });

  it.each([[[0, 0]], [[Number.NaN, 1]], [[Number.POSITIVE_INFINITY, 1]]])('gives nothing for %j', (values) => {
    expect(normalise(Float64Array.from(values))).toBeUndefined();
  });
});
