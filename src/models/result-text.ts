import { Buffer } from 'node:buffer';
import { MAX_FLOAT32_TEXT_LENGTH, writeFloat32 } from './float32-text.ts';

const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const COMMA = 0x2c;

/**
 * Smaller components are written as 0: in a vector of length 1 they change no distance, and the product of two of them would be too
 * small for a float32, which PostgreSQL refuses.
 */
const SMALLEST_COMPONENT = 1e-15;

/**
 * `[0.1,-0.2,...]`: reads back bit for bit but for components below 1e-15, which read 0; as JSON, as `real[]` after swapping the
 * brackets, and as pgvector's `vector`. A product of two components, of this or other vectors, is 0 or a float32.
 *
 * @throws RangeError when a value is not finite; verified answers never are.
 */
export function formatEmbedding(vector: Float32Array): string {
  const bytes = Buffer.allocUnsafe(vector.length * (MAX_FLOAT32_TEXT_LENGTH + 1) + 2);
  let end = 0;
  bytes[end++] = OPEN_BRACKET;
  for (const value of vector) {
    if (!Number.isFinite(value)) throw new RangeError(`An embedding holds finite numbers only, got ${value}`);
    if (end > 1) bytes[end++] = COMMA;
    end = writeFloat32(Math.abs(value) < SMALLEST_COMPONENT ? 0 : value, bytes, end);
  }
  bytes[end++] = CLOSE_BRACKET;
  return bytes.toString('latin1', 0, end);
}

/**
 * `[["doc A", 0.95], ["doc B", 0.1]]`: JSON, best first, ties in input order.
 *
 * `scores` has one finite score per document, in document order.
 */
export function formatRanking(documents: readonly string[], scores: readonly number[]): string {
  const ranked = documents
    .map((document, index) => ({ document, score: scores[index] ?? 0 }))
    .sort((a, b) => b.score - a.score)
    .map(({ document, score }) => `[${JSON.stringify(document)}, ${JSON.stringify(score)}]`);
  return `[${ranked.join(', ')}]`;
}
