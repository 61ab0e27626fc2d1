import type { VectorWire } from './table/embedded-table.ts';

const FLOAT4_OID = 700;
/** Number of dimensions, whether there are nulls, element type, length, lower bound. */
const HEADER_WORDS = 5;
const WORD_BYTES = 4;
const isLittleEndian = new Uint8Array(Int32Array.of(1).buffer)[0] === 1;
/** In front of each number of a `float4[]`. */
const FOUR = networkOrder(WORD_BYTES);

/**
 * Vectors as one array of the wire's type, a parameter in PostgreSQL's binary format (`array_recv`), all big-endian: an element is its size
 * and, of pgvector's, its number of dimensions, two bytes of nothing and its bits (`vector_recv`). A `float4[]` is an array again, each number with its size
 * before it: twice as many bytes, and 7 us for 384 numbers.
 */
export function encodeVectors(
  { oid, isOfExtension }: Pick<VectorWire, 'oid' | 'isOfExtension'>,
  vectors: readonly Float32Array[],
  dimensions: number,
): Buffer {
  const size = isOfExtension ? 1 + dimensions : HEADER_WORDS + 2 * dimensions;
  const buffer = Buffer.allocUnsafeSlow((HEADER_WORDS + vectors.length * (1 + size)) * WORD_BYTES);
  const words = new Int32Array(buffer.buffer, 0, buffer.length / WORD_BYTES);
  let word = writeHeader(words, 0, oid, vectors.length);
  for (const vector of vectors) {
    const bits = bitsOf(vector, dimensions);
    words[word++] = networkOrder(size * WORD_BYTES);
    if (isOfExtension) {
      words[word++] = networkOrder(dimensions << 16);
      for (let at = 0; at < dimensions; at += 1) words[word++] = networkOrder(bits[at] ?? 0);
    } else {
      word = writeHeader(words, word, FLOAT4_OID, dimensions);
      for (let at = 0; at < dimensions; at += 1) {
        words[word++] = FOUR;
        words[word++] = networkOrder(bits[at] ?? 0);
      }
    }
  }
  return buffer;
}

/** The position behind it. */
function writeHeader(words: Int32Array, at: number, elementOid: number, count: number): number {
  for (const [n, value] of [1, 0, elementOid, count, 1].entries()) words[at + n] = networkOrder(value);
  return at + HEADER_WORDS;
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
