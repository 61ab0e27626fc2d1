import type { Pacer } from '../../core/pacer.ts';
import { readPieces, segmentWords } from './segment-words.ts';
import { wordWeight } from './word-weight.ts';

const WORD_SALT = 1;
const GRAM_SALT = 2;
const SYMBOL_SALT = 3;
const TEXT_SALT = 4;

/** Stands before the first and behind the last letter of a word in its n-grams; no word holds it. */
const EDGE = 0x20;

/** Share of a word's weight that its n-grams have, so that "claims" is near "claim" but nearer to itself. */
const GRAM_WEIGHT = 0.7;

/** N-grams are taken from this many letters of a word; what is longer is no word of a language. */
const MAX_GRAM_LETTERS = 64;

interface EmbeddedText {
  readonly vector: Float32Array;
  /** How many the text has. */
  readonly words: number;
}

/**
 * The unit vector of a text: hashed words and their letter trigrams, counted sublinearly (square root).
 *
 * Bit for bit the same on every machine: integers, sums in a fixed order, and the IEEE-exact `sqrt` and division only.
 * Never zero; `text` must not be empty.
 */
export async function embedText(text: string, pacer: Pacer): Promise<EmbeddedText> {
  let words = 0;
  const sums = new Float64Array(LEXICAL_DIMENSIONS);
  const counts = new Map<string, number>();
  for (const piece of readPieces(text)) {
    for (const word of segmentWords(piece)) {
      counts.set(word, (counts.get(word) ?? 0) + 1);
      words += 1;
    }
    if (pacer.isDue()) await pacer.pause();
  }
  let added = 0;
  for (const [word, count] of counts) {
    addWord(sums, word, wordWeight(word) * Math.sqrt(count));
    if (++added % 1_024 === 0 && pacer.isDue()) await pacer.pause();
  }
  if (counts.size === 0) addSymbols(sums, text);
  return { vector: toUnitVector(sums, text), words };
}

function addWord(sums: Float64Array, word: string, weight: number): void {
  addHashed(sums, hashText(WORD_SALT, word), weight);
  const letters = Math.min(word.length, MAX_GRAM_LETTERS);
  if (letters < 2) return;
  const gramWeight = (weight * GRAM_WEIGHT) / Math.sqrt(letters);
  let [first, second] = [EDGE, word.charCodeAt(0)];
  for (let index = 1; index <= letters; index++) {
    const third = index < letters ? word.charCodeAt(index) : EDGE;
    addHashed(sums, addToHash(addToHash(addToHash(startHash(GRAM_SALT), first), second), third), gramWeight);
    [first, second] = [second, third];
  }
}

/** Adds symbols, for texts of punctuation only, which have no words. */
function addSymbols(sums: Float64Array, text: string): void {
  for (let index = 0; index < Math.min(text.length, MAX_GRAM_LETTERS); index++) {
    addHashed(sums, addToHash(startHash(SYMBOL_SALT), text.charCodeAt(index)), 1);
  }
}

function toUnitVector(sums: Float64Array, text: string): Float32Array {
  let norm = euclideanNorm(sums);
  if (norm === 0) {
    // Features can cancel out exactly; the text as a whole cannot.
    addHashed(sums, hashText(TEXT_SALT, text), 1);
    norm = euclideanNorm(sums);
  }
  const vector = new Float32Array(LEXICAL_DIMENSIONS);
  sums.forEach((sum, index) => {
    vector[index] = sum / norm;
  });
  return vector;
}

function euclideanNorm(values: Float64Array): number {
  let squares = 0;
  for (const value of values) squares += value * value;
  return Math.sqrt(squares);
}

function hashText(salt: number, text: string): number {
  let hash = startHash(salt);
  for (let index = 0; index < text.length; index++) hash = addToHash(hash, text.charCodeAt(index));
  return hash;
}

/** Length of every `builtin/lexical` vector. */
export const LEXICAL_DIMENSIONS = 384;

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/** First state of a hash; different `salt`s give unrelated hashes of one text. */
function startHash(salt: number): number {
  return addToHash(FNV_OFFSET, salt);
}

/** FNV-1a's step, over UTF-16 code units instead of bytes. */
function addToHash(hash: number, codeUnit: number): number {
  return Math.imul(hash ^ codeUnit, FNV_PRIME);
}

/**
 * Adds `weight` to the one element of `vector` that `hash` picks, with the sign that it picks.
 *
 * The signs make chance collisions cancel out on average (Weinberger et al. 2009, feature hashing). Integer steps
 * only, so that every machine picks the same element.
 */
function addHashed(vector: Float64Array, hash: number, weight: number): void {
  const mixed = finalize(hash);
  const index = Math.floor(((mixed >>> 1) * LEXICAL_DIMENSIONS) / 2 ** 31);
  vector[index] = (vector[index] ?? 0) + ((mixed & 1) === 1 ? weight : -weight);
}

/** MurmurHash3's 32-bit finaliser: FNV-1a alone leaves the high bits of short texts alike. */
function finalize(hash: number): number {
  let mixed = hash ^ (hash >>> 16);
  mixed = Math.imul(mixed, 0x85ebca6b);
  mixed ^= mixed >>> 13;
  mixed = Math.imul(mixed, 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
