import type { EmbeddedTable } from './table/embedded-table.ts';

const FLOAT4_OID = 700;
const HEADER_BYTES = 20;
const FLOAT4_BYTES = 4;
const isLittleEndian = new Uint8Array(Int32Array.of(1).buffer)[0] === 1;
/** The size in front of each number. */
const FOUR = networkOrder(FLOAT4_BYTES);

/** Vectors as a parameter in binary format, of the type that the table's `wire` says. */
export function encodeVectors(
  { wire }: Pick<EmbeddedTable, 'wire'>,
  vectors: readonly Float32Array[],
  dimensions: number,
): Buffer {
  return wire === undefined ? flattenVectors(vectors, dimensions) : arrayVectors(vectors, dimensions, wire.oid);
}

/**
 * Vectors of equal length one after the other as one `float4[]` in PostgreSQL's binary format (`array_recv`): number of dimensions, whether
 * there are nulls, element type, length, lower bound; then for each number its size and its bits, all big-endian. The server reads it some
 * three times faster than a text; 20 us for 384 numbers all the same.
 */
export function flattenVectors(vectors: readonly Float32Array[], dimensions: number): Buffer {
  const count = vectors.length * dimensions;
  const buffer = Buffer.allocUnsafeSlow(HEADER_BYTES + count * 2 * FLOAT4_BYTES);
  writeHeader(buffer, FLOAT4_OID, count);
  const words = new Int32Array(buffer.buffer, 0, buffer.length / FLOAT4_BYTES);
  let word = HEADER_BYTES / FLOAT4_BYTES;
  for (const vector of vectors) {
    const bits = bitsOf(vector, dimensions);
    for (let at = 0; at < dimensions; at += 1) {
      words[word] = FOUR;
      words[word + 1] = networkOrder(bits[at] ?? 0);
      word += 2;
    }
  }
  return buffer;
}

/**
 * The same as one array of pgvector's `vector`, whose oid is given: each has its size, its number of dimensions, two bytes of nothing and
 * its bits (`vector_recv`). Half as many bytes, and the server reads them ten times faster.
 */
export function arrayVectors(vectors: readonly Float32Array[], dimensions: number, vectorOid: number): Buffer {
  const size = 4 + dimensions * FLOAT4_BYTES;
  const buffer = Buffer.allocUnsafeSlow(HEADER_BYTES + vectors.length * (4 + size));
  writeHeader(buffer, vectorOid, vectors.length);
  const words = new Int32Array(buffer.buffer, 0, buffer.length / FLOAT4_BYTES);
  let word = HEADER_BYTES / FLOAT4_BYTES;
  for (const vector of vectors) {
    words[word] = networkOrder(size);
    words[word + 1] = networkOrder(dimensions << 16);
    word += 2;
    const bits = bitsOf(vector, dimensions);
    for (let at = 0; at < dimensions; at += 1) words[word + at] = networkOrder(bits[at] ?? 0);
    word += dimensions;
  }
  return buffer;
}

function writeHeader(buffer: Buffer, elementOid: number, count: number): void {
  buffer.writeInt32BE(1, 0);
  buffer.writeInt32BE(0, 4);
  buffer.writeUInt32BE(elementOid, 8);
  buffer.writeInt32BE(count, 12);
  buffer.writeInt32BE(1, 16);
}

/** A vector that is too short ends in NaN, which no column takes for a number of the model's. */
function bitsOf(vector: Float32Array, dimensions: number): Int32Array {
  const whole =
    vector.length >= dimensions
      ? vector
      : Float32Array.from({ length: dimensions }, (_, at) => vector[at] ?? Number.NaN);
  return new Int32Array(whole.buffer, whole.byteOffset, dimensions);
}

function networkOrder(bits: number): number {
  if (!isLittleEndian) return bits;
  return ((bits & 0xff) << 24) | ((bits & 0xff00) << 8) | ((bits >>> 8) & 0xff00) | (bits >>> 24);
}
