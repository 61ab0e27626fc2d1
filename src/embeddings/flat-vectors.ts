const FLOAT4_OID = 700;
const HEADER_BYTES = 20;

/**
 * Vectors of equal length one after the other as one `float4[]` in PostgreSQL's binary format (`array_recv`): number of dimensions, whether
 * there are nulls, element type, length, lower bound; then for each number its size and its bits, all big-endian. Encoded some ten times
 * faster than a text, and read by the server without parsing.
 */
export function flattenVectors(vectors: readonly Float32Array[], dimensions: number): Buffer {
  const count = vectors.length * dimensions;
  const buffer = Buffer.allocUnsafe(HEADER_BYTES + count * 8);
  buffer.writeInt32BE(1, 0);
  buffer.writeInt32BE(0, 4);
  buffer.writeInt32BE(FLOAT4_OID, 8);
  buffer.writeInt32BE(count, 12);
  buffer.writeInt32BE(1, 16);
  let offset = HEADER_BYTES;
  for (const vector of vectors) {
    for (let i = 0; i < dimensions; i += 1) {
      buffer.writeInt32BE(4, offset);
      buffer.writeFloatBE(vector[i] ?? Number.NaN, offset + 4);
      offset += 8;
    }
  }
  return buffer;
}
