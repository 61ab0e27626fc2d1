import { expect, test } from 'vitest';
import { failed, succeeded } from '../outcome.ts';
import { tokenizeTexts } from './tokenize-texts.ts';

const { signal } = new AbortController();
/** A token for each word, with the space before it. */
const wordsOf = (piece: string) =>
  succeeded(Uint32Array.from(piece.matchAll(/\s*\S+/g), ({ index, 0: { length } }) => index + length));

test('long texts go in pieces that begin with white space, short ones together, and the ends are those of the whole', async () => {
  const calls: string[][] = [];
  const long = 'lighthouse '.repeat(5_000).trim();
  const texts = ['one two', long, '', 'x'.repeat(20_000), 'three'];
  const spans = await tokenizeTexts(
    texts,
    async (pieces) => {
      calls.push([...pieces]);
      return pieces.map(wordsOf);
    },
    signal,
  );
  expect(spans.map(({ length }) => length)).toEqual([2, 5_000, 0, 2, 1]);
  expect(spans[1]).toEqual(wordsOf(long).value);
  expect(calls.flat().join('')).toBe(texts.join(''));
  expect(Math.max(...calls.map((pieces) => pieces.join('').length))).toBeLessThanOrEqual(16_384);
  expect(calls.length).toBeLessThan(9);
});

test('no pair of surrogates is divided', async () => {
  const pieces: string[] = [];
  await tokenizeTexts(
    [`x${'😀'.repeat(20_000)}`],
    async (some) => {
      pieces.push(...some);
      return some.map(wordsOf);
    },
    signal,
  );
  expect(pieces.length).toBeGreaterThan(1);
  expect(pieces.join('').isWellFormed() && pieces.every((piece) => piece.isWellFormed())).toBe(true);
});

test('a piece that cannot be divided fails the whole', async () => {
  const call = tokenizeTexts(['one'], async () => [failed('no tokens today')], signal);
  await expect(call).rejects.toThrow('no tokens today');
});
