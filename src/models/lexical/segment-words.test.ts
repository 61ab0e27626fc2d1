import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readPieces, segmentWords } from './segment-words.ts';

test.each([
  ['steadytext_embed_async(v2), twice!', ['steadytext', 'embed', 'async', 'v2', 'twice']],
  ['Größe — naïve “Café”…', ['größe', 'naïve', 'café']],
  ['ΟΔΌΣ', ['οδόσ']],
  ['ﬁne ＡＢＣ ½', ['fine', 'abc', '1', '2']],
  ['Привет, мир', ['привет', 'мир']],
  ['مرحبا، عالم', ['مرحبا', 'عالم']],
  ['नमस्ते। दुनिया', ['नमस्ते', 'दुनिया']],
  ['猫が', ['猫', '猫が', 'が']],
  ['한국어 문장', ['한국어', '문장']],
  ['5€ 🎉🎉', ['5', '€', '🎉', '🎉']],
  ['', []],
  ['?! ...', []],
])('%s is read as %j', (text, words) => {
  expect(segmentWords(text)).toEqual(words);
});

test('the ASCII path and the general one agree', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary-ascii' }), (text) => {
      expect(segmentWords(`${text} é`)).toEqual([...segmentWords(text), 'é']);
    }),
  );
});

test('pieces are of bounded length, split no surrogate pair, and make up the text', () => {
  const letters = fc.constantFrom('a', ' ', '🎉', '\n', 'é', '\ud83c');
  fc.assert(
    fc.property(fc.array(letters, { minLength: 0, maxLength: 9_000, size: 'max' }), (parts) => {
      const text = parts.join('');
      const pieces = [...readPieces(text)];
      expect(pieces.join('')).toBe(text);
      expect(pieces.every((piece) => piece.length <= 2_048)).toBe(true);
      expect(pieces.flatMap((piece) => [...piece])).toEqual([...text]);
    }),
    { numRuns: 50 },
  );
});

test('words are not cut where there is white space', () => {
  const text = 'word '.repeat(2_000);
  expect([...readPieces(text)].flatMap(segmentWords)).toEqual(segmentWords(text));
});
