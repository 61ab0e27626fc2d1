import { expect, test } from 'vitest';
import { encodeVectors } from './encode-vectors.ts';

const HIGH_OID = 4_000_000_000;

test('vectors become an array of arrays of float4 in the binary format', () => {
  const vectors = [Float32Array.of(0, 1, -0.5).subarray(1), Float32Array.of(1e-9, 3)];
  const buffer = encodeVectors({ oid: HIGH_OID, isOfExtension: false }, vectors, 2);
  expect([0, 4, 12, 16].map((at) => buffer.readInt32BE(at))).toEqual([1, 0, 2, 1]);
  expect(buffer.readUInt32BE(8)).toBe(HIGH_OID);
  for (const [n, vector] of vectors.entries()) {
    const at = 20 + n * 40;
    expect(Array.from({ length: 7 }, (_, word) => buffer.readInt32BE(at + word * 4))).toEqual([36, 1, 0, 700, 2, 1, 4]);
    expect(buffer.readInt32BE(at + 32)).toBe(4);
    expect([buffer.readFloatBE(at + 28), buffer.readFloatBE(at + 36)]).toEqual([...vector]);
  }
  expect(buffer.length).toBe(20 + 2 * 40);
});

test("vectors become one array of pgvector's type in the binary format", () => {
  const vectors = [Float32Array.of(0, 1, -0.5).subarray(1), Float32Array.of(1e-9, 3)];
  const buffer = encodeVectors({ oid: HIGH_OID, isOfExtension: true }, vectors, 2);
  expect([0, 4, 12, 16].map((at) => buffer.readInt32BE(at))).toEqual([1, 0, 2, 1]);
  expect(buffer.readUInt32BE(8)).toBe(HIGH_OID);
  for (const [n, vector] of vectors.entries()) {
    const at = 20 + n * 16;
    expect([buffer.readInt32BE(at), buffer.readInt16BE(at + 4), buffer.readInt16BE(at + 6)]).toEqual([12, 2, 0]);
    expect([buffer.readFloatBE(at + 8), buffer.readFloatBE(at + 12)]).toEqual([...vector]);
  }
  expect(buffer.length).toBe(20 + 2 * 16);
});
