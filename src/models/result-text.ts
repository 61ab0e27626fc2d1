import { Buffer } from 'node:buffer';

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

/*
 * Shortest decimals of float32 values.
 *
 * A decimal is right when it lies strictly between the midpoints to both float32 neighbours: then a reader that rounds
 * once (PostgreSQL and pgvector, `strtof`) and one that goes through float64 (JSON, then `Float32Array`) both get the
 * value back. Midpoints of float32 values are exact in float64, and rounding to float64 is monotone, so comparing the
 * parsed float64 with them decides it without big numbers.
 */

const DIGIT_0 = 48;
const MINUS = 45;
const DOT = 46;
const TEN_TO_9 = 1e9;

/** Longest text of one value, `-100000000000000000000`: JavaScript goes over to exponents at 1e21. */
export const MAX_FLOAT32_TEXT_LENGTH = 22;

/** Powers of ten that float64 holds exactly. */
const POWERS_OF_TEN = Float64Array.from({ length: 23 }, (_, exponent) => Number(`1e${exponent}`));

const floatView = new Float32Array(1);
const bitsView = new Int32Array(floatView.buffer);

/**
 * Writes the shortest decimal that reads back as the same float32 to `target` at `offset`, and returns the offset behind it.
 *
 * Plain from 1e-6 up to 1, else in the form that JavaScript gives (`1e-7`), which JSON, `real` and pgvector read too.
 * `value` must be a finite float32; `target` must have {@link MAX_FLOAT32_TEXT_LENGTH} bytes left.
 */
export function writeFloat32(value: number, target: Uint8Array, offset: number): number {
  const magnitude = Math.abs(value);
  if (!(magnitude >= 1e-6 && magnitude < 1)) return writeText(rareText(value), target, offset);
  let end = offset;
  if (value < 0) target[end++] = MINUS;

  // With 9 significant digits every float32 is told apart from its neighbours; `places` of them stand behind the point.
  let places = 9;
  for (let lead = 0.1; magnitude < lead; lead /= 10) places++;
  const [low, high] = midpointsOf(magnitude);
  const scaled = magnitude * power(places);
  let step = 100_000_000;
  let digits = Math.round(scaled / step) * step;
  while (!isBetween(digits / power(places), low, high)) {
    if (step === 1) return writeText(rareText(value), target, offset);
    step /= 10;
    digits = Math.round(scaled / step) * step;
  }
  if (digits >= TEN_TO_9) {
    // Rounded up to the next power of ten, as in 0.099999999 -> 0.1.
    digits /= 10;
    places--;
  }
  target[end++] = DIGIT_0;
  target[end++] = DOT;
  for (let zeros = places - 9; zeros > 0; zeros--) target[end++] = DIGIT_0;
  const kept = significantDigits(digits);
  let rest = digits / power(9 - kept);
  for (let position = end + kept - 1; position >= end; position--) {
    const next = Math.floor(rest / 10);
    target[position] = DIGIT_0 + (rest - next * 10);
    rest = next;
  }
  return end + kept;
}

/** The same, of any finite float32, through `toPrecision`: 20 times slower, for values that vectors hardly hold. */
function rareText(value: number): string {
  if (value === 0) return Object.is(value, -0) ? '-0' : '0';
  const [low, high] = midpointsOf(Math.abs(value));
  for (let precision = 1; precision < 10; precision++) {
    const parsed = Number(value.toPrecision(precision));
    if (isBetween(Math.abs(parsed), low, high)) return String(parsed);
  }
  return String(value);
}

/** The points halfway to the next smaller and the next larger float32 of a positive one. */
function midpointsOf(magnitude: number): readonly [number, number] {
  floatView[0] = magnitude;
  const bits = bitsView[0] ?? 0;
  bitsView[0] = bits - 1;
  const below = floatView[0];
  bitsView[0] = bits + 1;
  const above = floatView[0];
  const top = Number.isFinite(above) ? (magnitude + above) / 2 : magnitude + (magnitude - below) / 2;
  return [(magnitude + below) / 2, top];
}

function isBetween(value: number, low: number, high: number): boolean {
  return value > low && value < high;
}

function significantDigits(nineDigits: number): number {
  let kept = 9;
  for (let rest = nineDigits; rest % 10 === 0 && kept > 1; rest /= 10) kept--;
  return kept;
}

function power(exponent: number): number {
  return POWERS_OF_TEN[exponent] ?? Number.NaN;
}

function writeText(text: string, target: Uint8Array, offset: number): number {
  for (let index = 0; index < text.length; index++) target[offset + index] = text.charCodeAt(index);
  return offset + text.length;
}
