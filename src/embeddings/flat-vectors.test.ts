import { expect, test } from 'vitest';
import { flattenVectors } from './flat-vectors.ts';

test('vectors become one array of float4 in the binary format, one after the other', () => {
  const buffer = flattenVectors([Float32Array.of(1, -0.5), Float32Array.of(1e-9, 3)], 2);
  expect([0, 4, 8, 12, 16].map((at) => buffer.readInt32BE(at))).toEqual([1, 0, 700, 4, 1]);
  expect([0, 1, 2, 3].map((n) => buffer.readFloatBE(24 + n * 8))).toEqual([...Float32Array.of(1, -0.5, 1e-9, 3)]);
  expect(buffer.length).toBe(20 + 4 * 8);
});
