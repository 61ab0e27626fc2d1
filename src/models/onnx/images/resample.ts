import type { Pixels } from './decode-image.ts';

/** A part of a resized image; the other pixels of it are not computed. */
export interface ResampledPart {
  /** The size of the whole resized image. */
  readonly width: number;
  readonly height: number;
  readonly left: number;
  readonly top: number;
  /** Pixels of each side of the part. */
  readonly side: number;
}

/** Bits behind the point of Pillow's weights: eight are the value's, and two are left for what overshoots. */
const PRECISION_BITS = 22;
const SUPPORT = 2;

/** The weights of one place of the result, and where they begin. */
interface Weights {
  readonly from: number;
  readonly values: Int32Array;
}

/**
 * Resizes by Pillow's bicubic filter, with a = -0.5 and antialiasing, bit for bit: its rounding to bytes after each direction is part of
 * what models of images were trained on. Other libraries differ by some per cent of a vector. The formula is that of Pillow's `Resample.c`.
 */
export function resample({ width, height, data }: Pixels, part: ResampledPart): Uint8Array {
  const { side } = part;
  const columns = weightsOf(width, part.width, part.left, side);
  const rows = weightsOf(height, part.height, part.top, side);
  const firstRow = rows[0]?.from ?? 0;
  const lastRow = Math.max(...rows.map(({ from, values }) => from + values.length));
  const narrow = new Uint8Array((lastRow - firstRow) * side * 3);
  for (let row = firstRow; row < lastRow; row += 1) {
    const target = (row - firstRow) * side * 3;
    columns.forEach(({ from, values }, column) => {
      accumulate(data, (row * width + from) * 3, 3, values, narrow, target + column * 3, 3);
    });
  }
  const result = new Uint8Array(side * side * 3);
  rows.forEach(({ from, values }, row) => {
    accumulate(narrow, (from - firstRow) * side * 3, side * 3, values, result, row * side * 3, side * 3);
  });
  return result;
}

/** `count` bytes of the result, each the weighted sum of bytes that are `step` apart. */
function accumulate(
  source: Uint8Array,
  start: number,
  step: number,
  weights: Int32Array,
  target: Uint8Array,
  at: number,
  count: number,
): void {
  for (let channel = 0; channel < count; channel += 1) {
    let sum = 1 << (PRECISION_BITS - 1);
    for (let tap = 0, from = start + channel; tap < weights.length; tap += 1, from += step) {
      sum += (source[from] ?? 0) * (weights[tap] ?? 0);
    }
    const value = sum >> PRECISION_BITS;
    target[at + channel] = value < 0 ? 0 : value > 255 ? 255 : value;
  }
}

function weightsOf(size: number, target: number, first: number, count: number): readonly Weights[] {
  const scale = size / target;
  const filterScale = Math.max(scale, 1);
  const support = SUPPORT * filterScale;
  return Array.from({ length: count }, (_, index) => {
    const centre = (first + index + 0.5) * scale;
    const from = Math.max(0, Math.trunc(centre - support + 0.5));
    const to = Math.min(size, Math.trunc(centre + support + 0.5));
    const exact = Array.from({ length: to - from }, (__, tap) => bicubic((tap + from - centre + 0.5) / filterScale));
    const sum = exact.reduce((total, weight) => total + weight, 0);
    return {
      from,
      values: Int32Array.from(exact, (weight) => {
        const scaled = (sum === 0 ? weight : weight / sum) * 2 ** PRECISION_BITS;
        return Math.trunc(scaled + (scaled < 0 ? -0.5 : 0.5));
      }),
    };
  });
}

function bicubic(distance: number): number {
  const a = -0.5;
  const x = Math.abs(distance);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}
