import fc from 'fast-check';
import { expect, test } from 'vitest';
import { containsSequence } from './score-documents.ts';

test('finds exactly what a search over joined words finds', () => {
  const words = fc.array(fc.constantFrom('a', 'b', 'ab'), { maxLength: 12 });
  fc.assert(
    fc.property(words, fc.array(fc.constantFrom('a', 'b', 'ab'), { minLength: 1, maxLength: 4 }), (text, wanted) => {
      expect(containsSequence(text, wanted)).toBe(` ${text.join(' ')} `.includes(` ${wanted.join(' ')} `));
    }),
    { numRuns: 2_000 },
  );
});

test('no words are in every text', () => {
  expect(containsSequence([], [])).toBe(true);
});
