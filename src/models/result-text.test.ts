import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatEmbedding, formatRanking, MAX_FLOAT32_TEXT_LENGTH, writeFloat32 } from './result-text.ts';

test('an embedding is a JSON array that reads back bit for bit but for components that are as good as 0', () => {
  expect(formatEmbedding(Float32Array.of(0.1, -0.2, 0.7, 0, 1))).toBe('[0.1,-0.2,0.7,0,1]');
  expect(formatEmbedding(new Float32Array())).toBe('[]');
  fc.assert(
    fc.property(fc.float32Array({ noNaN: true, noDefaultInfinity: true }), (vector) => {
      const kept = vector.map((value) => (Math.abs(value) < 1e-15 ? 0 : value));
      expect(Float32Array.from(JSON.parse(formatEmbedding(vector)))).toEqual(kept);
    }),
  );
});

test('no product of two components is too small for a float32', () => {
  const component = fc.oneof(
    fc.float({ noNaN: true, min: -1, max: 1 }),
    fc.constantFrom(1e-33, -1e-15, 1e-15, 1.4e-45),
  );
  const stored = fc.array(component, { minLength: 3, maxLength: 3 }).map((values) => {
    const text = formatEmbedding(Float32Array.from(values));
    return Float32Array.from(JSON.parse(text) as number[]); // the text is an array of numbers
  });
  fc.assert(
    fc.property(stored, stored, (a, b) => {
      for (const [at, value] of a.entries()) {
        const other = b[at] ?? 0;
        // PostgreSQL refuses a product of real numbers that is 0 where no factor is.
        expect(Math.fround(value * other) === 0).toBe(value === 0 || other === 0);
      }
    }),
  );
});

test('an embedding with a value that is not finite is refused', () => {
  expect(() => formatEmbedding(Float32Array.of(0.1, Number.NaN))).toThrow(/finite/);
  expect(() => formatEmbedding(Float32Array.of(Number.POSITIVE_INFINITY))).toThrow(/finite/);
});

test('a ranking lists the best document first, with ties in the order given', () => {
  expect(formatRanking(['doc B', 'doc A'], [0.1, 0.95])).toBe('[["doc A", 0.95], ["doc B", 0.1]]');
  expect(formatRanking(['x', 'y', 'z'], [0.5, 0.7, 0.5])).toBe('[["y", 0.7], ["x", 0.5], ["z", 0.5]]');
  expect(formatRanking([], [])).toBe('[]');
});

test('a ranking is JSON whatever the documents hold', () => {
  const documents = ['a "quoted"\nline', '\u0000 \ud800', 'é 猫'];
  expect(JSON.parse(formatRanking(documents, [0.3, 0.2, 0.1]))).toEqual([
    [documents[0], 0.3],
    [documents[1], 0.2],
    [documents[2], 0.1],
  ]);
});

const JSON_NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;

function textOf(value: number): string {
  const bytes = new Uint8Array(40);
  const end = writeFloat32(value, bytes, 0);
  return String.fromCharCode(...bytes.subarray(0, end));
}

function fromBits(bits: number): number {
  return new Float32Array(Uint32Array.of(bits).buffer)[0] ?? Number.NaN;
}

function significantDigits(text: string): number {
  return text.replace(/e.*$/, '').replace(/[-.]/g, '').replace(/^0+/, '').replace(/0+$/, '').length;
}

/** Fewest digits that read back, by trial, for values that no midpoint rule is needed for. */
function fewestDigits(value: number): number {
  for (let precision = 1; precision < 10; precision++) {
    if (Math.fround(Number(value.toPrecision(precision))) === value) return precision;
  }
  return 10;
}

const anyFloat32 = fc.integer({ min: 0, max: 0xffffffff }).map(fromBits).filter(Number.isFinite);
const unitFloat32 = fc.float({ min: -1, max: 1, noNaN: true });

test.each([
  [0, '0'],
  [-0, '-0'],
  [1, '1'],
  [-1, '-1'],
  [0.5, '0.5'],
  [Math.fround(0.1), '0.1'],
  [Math.fround(-0.2), '-0.2'],
  [Math.fround(0.95), '0.95'],
  [Math.fround(0.3333333333), '0.33333334'],
  [Math.fround(1e-6), '0.000001'],
  [Math.fround(1e-7), '1e-7'],
  [fromBits(1), '1e-45'],
  [fromBits(0x00800000), '1.1754944e-38'],
  [fromBits(0x7f7fffff), '3.4028235e+38'],
  [fromBits(0x3f7fffff), '0.99999994'],
])('%f is written as %s', (value, expected) => {
  expect(textOf(value)).toBe(expected);
});

test('every bit pattern reads back as the same float32, as a JSON number of bounded length', () => {
  fc.assert(
    fc.property(fc.oneof(anyFloat32, unitFloat32), (value) => {
      const text = textOf(value);
      expect(text).toMatch(JSON_NUMBER);
      expect(text.length).toBeLessThanOrEqual(MAX_FLOAT32_TEXT_LENGTH);
      expect(Object.is(Math.fround(Number(text)), value)).toBe(true);
    }),
    { numRuns: 20_000 },
  );
});

test('no reader that rounds the decimal only once gets a neighbour', () => {
  fc.assert(
    fc.property(unitFloat32, (value) => {
      fc.pre(value > 0);
      const parsed = Number(textOf(value));
      floats[0] = value;
      const bits = uints[0] ?? 0;
      const [below, above] = [fromBits(bits - 1), fromBits(bits + 1)];
      expect(parsed).toBeGreaterThan((below + value) / 2);
      expect(parsed).toBeLessThan((above + value) / 2);
    }),
    { numRuns: 20_000 },
  );
});
const floats = new Float32Array(1);
const uints = new Uint32Array(floats.buffer);

test('no shorter decimal would do', () => {
  fc.assert(
    fc.property(unitFloat32, (value) => {
      fc.pre(value !== 0);
      expect(significantDigits(textOf(value))).toBeLessThanOrEqual(fewestDigits(value));
    }),
    { numRuns: 20_000 },
  );
});
