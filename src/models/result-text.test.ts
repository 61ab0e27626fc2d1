import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatEmbedding, formatRanking } from './result-text.ts';

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
