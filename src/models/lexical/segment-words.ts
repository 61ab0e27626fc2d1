import { createPacer } from '../../core/pacer.ts';
import { type ItemOutcome, succeeded } from '../outcome.ts';
import type { TokenSpans } from '../port.ts';

/**
 * Longest piece, in UTF-16 code units.
 *
 * Normalising is quadratic in the longest run of combining marks: a hostile 1 MB took 277 s whole, and takes 1 s in
 * pieces of 2,048. Shorter pieces would cut more words of text that has no spaces.
 */
const MAX_PIECE_LENGTH = 2_048;

/** Cuts a text into pieces of bounded length, after white space where there is some, never inside a surrogate pair. */
export function* readPieces(text: string): Generator<string> {
  let start = 0;
  while (text.length - start > MAX_PIECE_LENGTH) {
    const end = findCut(text, start);
    yield text.slice(start, end);
    start = end;
  }
  yield start === 0 ? text : text.slice(start);
}

function findCut(text: string, start: number): number {
  const limit = start + MAX_PIECE_LENGTH;
  for (let end = limit; end > start + MAX_PIECE_LENGTH / 2; end--) {
    const code = text.charCodeAt(end - 1);
    if (code === 32 || (code >= 9 && code <= 13)) return end;
  }
  const isHighSurrogate = (text.charCodeAt(limit - 1) & 0xfc00) === 0xd800;
  return isHighSurrogate ? limit - 1 : limit;
}

/*
 * Words by fixed tables of code points. `Intl.Segmenter`, `\p{L}` and locale-aware case mapping follow the ICU version
 * of the machine; `normalize` and `toLowerCase` are stable by Unicode's policy for every character that is assigned.
 */

/** Scripts written without spaces: Thai, Lao, Myanmar, Khmer, kana, bopomofo, Han. */
const UNSPACED =
  '\\u0e00-\\u0eff\\u1000-\\u109f\\u1780-\\u17d3\\u3005-\\u3007\\u3040-\\u312f\\u31f0-\\u31ff\\u3400-\\u4dbf' +
  '\\u4e00-\\u9fff\\uf900-\\ufaff\\u{20000}-\\u{3ffff}';

/** Currency, arrows, signs and emoji: each is a word of its own. */
const SYMBOL = '\\u20a0-\\u20cf\\u2100-\\u2bff\\u{1f000}-\\u{1faff}';

/** Punctuation, spaces, controls, joiners, private use: whatever is none of the others and stands between words. */
const SEPARATOR =
  '\\0-/:-@\\[-`{-\\u00a9\\u00ab-\\u00b4\\u00b6-\\u00b9\\u00bb-\\u00bf\\u00d7\\u00f7\\u055a-\\u055f\\u0589\\u05be\\u05c0\\u05c3' +
  '\\u060c\\u061b-\\u061f\\u066a-\\u066d\\u06d4\\u0964\\u0965\\u0f08-\\u0f14\\u10fb\\u1360-\\u1368\\u17d4-\\u17da' +
  '\\u2000-\\u206f\\u2e00-\\u2e7f\\u3000-\\u3004\\u3008-\\u303f\\ue000-\\uf8ff\\ufe00-\\ufe6f\\uff00-\\uff0f\\ufff0-\\uffff' +
  '\\u{e0000}-\\u{e0fff}\\u{f0000}-\\u{10ffff}';

const RUNS = new RegExp(`[${UNSPACED}]+|[${SYMBOL}]|[^${UNSPACED}${SYMBOL}${SEPARATOR}]+`, 'gu');
const IS_UNSPACED = new RegExp(`^[${UNSPACED}]`, 'u');
const ASCII_RUNS = /[0-9a-z]+/g;
const IS_ASCII = /^[\0-\x7f]*$/;

/**
 * The lower-cased, NFKC-normalised words of a text in order, the same on every machine.
 *
 * Text of scripts without spaces gives each character followed by the pair that it begins. Punctuation gives nothing.
 * Time grows with the square of the longest run of combining marks, so callers pass pieces of bounded length.
 */
export function segmentWords(piece: string): string[] {
  if (IS_ASCII.test(piece)) return piece.toLowerCase().match(ASCII_RUNS) ?? [];
  const runs = piece.normalize('NFKC').toLowerCase().replaceAll('ς', 'σ').match(RUNS) ?? [];
  return runs.flatMap((run) => (IS_UNSPACED.test(run) ? charactersAndPairs(run) : run));
}

/**
 * Where words end in a text as it stands, without normalising it; of scripts without spaces, each character.
 */
function* findWords(piece: string): Generator<number> {
  for (const { index, 0: run } of piece.matchAll(RUNS)) {
    let end = index;
    if (!IS_UNSPACED.test(run)) yield end + run.length;
    else {
      for (const { length } of run) {
        end += length;
        yield end;
      }
    }
  }
}

function charactersAndPairs(run: string): string[] {
  const characters = [...run];
  return characters.flatMap((character, index) => {
    const next = characters[index + 1];
    return next === undefined ? character : [character, character + next];
  });
}

/** The ends of the words that {@link findWords} finds; each is a token. */
export async function tokenizeWords(
  texts: readonly string[],
  signal: AbortSignal,
): Promise<readonly ItemOutcome<TokenSpans>[]> {
  const pacer = createPacer(signal);
  const found: ItemOutcome<TokenSpans>[] = [];
  for (const text of texts) {
    const ends: number[] = [];
    let start = 0;
    for (const piece of readPieces(text)) {
      for (const end of findWords(piece)) ends.push(start + end);
      start += piece.length;
      if (pacer.isDue()) await pacer.pause();
    }
    found.push(succeeded(Uint32Array.from(ends)));
  }
  return found;
}
