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
  expect(spans.map((outcome) => outcome.ok && outcome.value.length)).toEqual([2, 5_000, 0, 2, 1]);
  expect(spans[1]).toEqual(wordsOf(long));
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

test('a text with a piece that cannot be divided fails alone, and is asked for no further', async () => {
  const asked: string[] = [];
  const bad = `bad ${'long '.repeat(10_000)}`;
  const spans = await tokenizeTexts(
    ['one', bad, 'two'],
    async (pieces) => {
      asked.push(...pieces);
      return pieces.map((piece) => (piece.startsWith('bad') ? failed('no tokens today') : wordsOf(piece)));
    },
    signal,
  );
  expect(spans).toMatchObject([{ ok: true }, { ok: false, error: { message: 'no tokens today' } }, { ok: true }]);
  expect(asked.join('').length).toBeLessThan(20_000);
});

test('tells which texts the engine is at', async () => {
  const told: (readonly number[])[] = [];
  const progress = { working: (positions: readonly number[]) => void told.push(positions), ended: () => undefined };
  await tokenizeTexts(
    ['one', 'two '.repeat(5_000), 'three'],
    async (pieces, _, { working }) => {
      working([]);
      working([...pieces.keys()]);
      return pieces.map(wordsOf);
    },
    signal,
    progress,
  );
  expect(told).toEqual([[], [0], [], [1], [], [1, 2]]);
});
