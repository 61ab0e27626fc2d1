import { Buffer } from 'node:buffer';
import { failed, type ItemOutcome, succeeded } from '../../outcome.ts';

/** Holds all vectors of one model to one length. */
export interface DimensionGuard {
  /** Known from the selection or the model's name, else taken from the first vector. */
  readonly dimensions: number | undefined;
  /** What is wrong with a vector of that length, or nothing. */
  check(length: number): string | undefined;
  /** The next vector's length counts; absent where the length is known. */
  forget?(): void;
}

/** Requires vectors of the given length; without one, of the first vector's. */
export function createDimensionGuard(known: number | undefined): DimensionGuard {
  let dimensions = known;
  return {
    get dimensions() {
      return dimensions;
    },
    check(length) {
      dimensions ??= length;
      if (length === dimensions) return undefined;
      const since = known === undefined ? ', unlike its first one' : '';
      return `The server gave a vector of ${length} dimensions instead of ${dimensions}${since}`;
    },
    ...(known === undefined && {
      forget() {
        dimensions = undefined;
      },
    }),
  };
}

/**
 * The vector brought to length 1, out of a JSON array of numbers or base64 of little-endian float32; or `failed` for
 * anything but finite numbers of the expected count that are not all zero.
 */
export function readVector(encoded: unknown, guard: DimensionGuard): ItemOutcome<Float32Array> {
  const vector = typeof encoded === 'string' ? decodeBase64(encoded) : readNumbers(encoded);
  if (typeof vector === 'string') return failed(vector);
  if (vector.length === 0) return failed('The server gave an empty vector');
  const squares = sumOfSquares(vector);
  if (!Number.isFinite(squares)) return failed('The server gave a vector with a value that is not a finite number');
  if (squares === 0) return failed('The server gave a vector of zeros');
  const problem = guard.check(vector.length);
  if (problem !== undefined) return failed(problem);
  const scale = 1 / Math.sqrt(squares);
  // Vectors that come normalised keep their bits.
  if (Math.abs(scale - 1) > 1e-6) for (let i = 0; i < vector.length; i++) vector[i] = (vector[i] ?? 0) * scale;
  return succeeded(vector);
}

function sumOfSquares(vector: Float32Array): number {
  let sum = 0;
  // By index: an iterator makes three times the work of it.
  for (let i = 0; i < vector.length; i++) {
    const value = vector[i] ?? 0;
    sum += value * value;
  }
  return sum;
}

function readNumbers(values: unknown): Float32Array | string {
  if (!Array.isArray(values)) return 'The server gave something other than a vector';
  const vector = new Float32Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const value: unknown = values[i];
    if (typeof value !== 'number') return 'The server gave a vector with a value that is not a finite number';
    vector[i] = value;
  }
  return vector;
}

function decodeBase64(text: string): Float32Array | string {
  const bytes = Buffer.from(text, 'base64');
  if (bytes.byteLength % 4 !== 0 || bytes.byteLength !== decodedLength(text)) {
    return 'The server gave a vector that is not base64 of float32 values';
  }
  const vector = new Float32Array(bytes.byteLength / 4);
  new Uint8Array(vector.buffer).set(bytes);
  // All hosts that Node supports but s390x are little-endian, as the wire format is.
  return vector;
}

/** Node skips what is no base64; comparing lengths notices that. */
function decodedLength(text: string): number {
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  return Math.floor(((text.length - padding) * 3) / 4);
}
