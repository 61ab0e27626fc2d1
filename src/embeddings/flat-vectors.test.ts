import { expect, test } from 'vitest';
import { arrayVectors, flattenVectors } from './flat-vectors.ts';

test('vectors become one array of float4 in the binary format, one after the other', () => {
  const buffer = flattenVectors([Float32Array.of(1, -0.5), Float32Array.of(1e-9, 3)], 2);
  expect([0, 4, 8, 12, 16].map((at) => buffer.readInt32BE(at))).toEqual([1, 0, 700, 4, 1]);
  expect([0, 1, 2, 3].map((n) => buffer.readFloatBE(24 + n * 8))).toEqual([...Float32Array.of(1, -0.5, 1e-9, 3)]);
  expect(buffer.length).toBe(20 + 4 * 8);
});

test("vectors become one array of pgvector's type in the binary format", () => {
  const vectors = [Float32Array.of(0, 1, -0.5).subarray(1), Float32Array.of(1e-9, 3)];
  const buffer = arrayVectors(vectors, 2, 4_000_000_000);
  expect([0, 4, 12, 16].map((at) => buffer.readInt32BE(at))).toEqual([1, 0, 2, 1]);
  expect(buffer.readUInt32BE(8)).toBe(4_000_000_000);
  for (const [n, vector] of vectors.entries()) {
    const at = 20 + n * 16;
    expect([buffer.readInt32BE(at), buffer.readInt16BE(at + 4), buffer.readInt16BE(at + 6)]).toEqual([12, 2, 0]);
    expect([buffer.readFloatBE(at + 8), buffer.readFloatBE(at + 12)]).toEqual([...vector]);
  }
  expect(buffer.length).toBe(20 + 2 * 16);
});
