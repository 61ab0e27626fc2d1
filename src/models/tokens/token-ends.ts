import { messageOf } from '../../core/errors.ts';
import type { EngineCall } from '../engine/serve-engine.ts';
import { invalid, succeeded } from '../outcome.ts';
import { isSpace } from './is-space.ts';

/**
 * Divides a word, with the white space before it, as the model does, and gives for each token how much of the word it stands for. The
 * unit is the caller's: only proportions count, and 0 is a token of the white space.
 */
export type WordTokenizer = (word: string) => readonly number[];

/** Finds where the tokens of texts end. */
interface TokenFinder {
  /** @param breathe awaited now and then. */
  find(text: string, breathe: () => Promise<void>): Promise<Uint32Array>;
}

/** A run of other characters than white space is divided there at the latest: tokenizers take time that grows with the square of it. */
const LONGEST_WORD = 512;
/** Words whose division is kept; texts repeat theirs. */
const KEPT_WORDS = 20_000;
const WORDS_BETWEEN_BREATHS = 256;

/**
 * Finds tokens for tokenizers that return them without positions: each word is divided by itself, which gives the tokens of the whole, as
 * models take words one by one. Inside a word, ends are placed in proportion, which is exact for tokens that are parts of the word as it stands.
 */
export function createTokenFinder(tokenize: WordTokenizer): TokenFinder {
  const kept = new Map<string, readonly number[]>();

  function endsOf(word: string): readonly number[] {
    const known = kept.get(word);
    if (known !== undefined) return known;
    const ends = placeEnds(word, tokenize(word));
    if (kept.size >= KEPT_WORDS) kept.clear();
    kept.set(word, ends);
    return ends;
  }

  return {
    async find(text, breathe) {
      const ends: number[] = [];
      let words = 0;
      for (let start = 0; start < text.length; ) {
        const end = wordEnd(text, start);
        for (const place of endsOf(text.slice(start, end))) ends.push(start + place);
        start = end;
        words += 1;
        if (words % WORDS_BETWEEN_BREATHS === 0) await breathe();
      }
      return Uint32Array.from(ends);
    },
  };
}

/** The end of the word that follows the white space beginning at `start`. */
function wordEnd(text: string, start: number): number {
  let at = start;
  while (at < text.length && at - start < LONGEST_WORD && isSpace(text, at)) at += 1;
  while (at < text.length && at - start < LONGEST_WORD && !isSpace(text, at)) at += 1;
  return isInPair(text, at) ? at + 1 : at;
}

function placeEnds(word: string, sizes: readonly number[]): readonly number[] {
  let from = 0;
  while (from < word.length && isSpace(word, from)) from += 1;
  const whole = sizes.reduce((sum, size) => sum + size, 0);
  let seen = 0;
  return sizes.map((size, at) => {
    seen += size;
    if (at === sizes.length - 1 || whole === 0) return word.length;
    const place = from + Math.round(((word.length - from) * seen) / whole);
    return isInPair(word, place) ? place + 1 : place;
  });
}

function isInPair(text: string, at: number): boolean {
  return (text.charCodeAt(at) & 0xfc00) === 0xdc00 && (text.charCodeAt(at - 1) & 0xfc00) === 0xd800;
}

/** Answers each text of a call with the ends of its tokens. */
export async function answerWords(texts: readonly string[], finder: TokenFinder, call: EngineCall): Promise<void> {
  for (const [position, text] of texts.entries()) {
    await call.working([position]);
    try {
      call.ended(position, succeeded(await finder.find(text, () => call.breathe())));
    } catch (error) {
      call.signal.throwIfAborted();
      call.ended(position, invalid(`The text could not be split into tokens: ${messageOf(error)}`));
    }
  }
}
