import type { TokenSpans } from '../../models/port.ts';
import { type BreakFinder, createBreakFinder, isSpaceAt } from './text-breaks.ts';

/** A part of a text, without white space at its edges. */
export interface Chunk {
  /** The number of the chunk, from 0. */
  readonly no: number;
  readonly text: string;
  /** Where it begins in the whole text, in UTF-16 units. */
  readonly start: number;
}

export interface ChunkOptions {
  /** Most tokens of a chunk, 1 or more. */
  readonly size: number;
  /** Tokens at the end of a chunk that the next one begins with: 0 to half the size, so that the chunks together stay within twice the text. */
  readonly overlap: number;
}

/** Most UTF-16 units of a chunk for each token of its size: a word of a megabyte that a tokenizer calls unknown is one token. */
const MOST_UNITS_PER_TOKEN = 32;
/** Longest cluster of characters that is kept whole, in UTF-16 units. */
const CLUSTER_UNITS = 64;
const CLUSTERS = new Intl.Segmenter(undefined, { granularity: 'grapheme' });

/**
 * Cuts a text into chunks of at most `size` tokens as they are counted in the whole text, and at most 32 characters a token. A chunk ends
 * in its last half: where a paragraph ends, else a sentence, else a line, else a word, else wherever a character is over. Nothing but white
 * space between chunks is left out.
 *
 * From left to right: a change of the text changes no chunk that ends some `size` tokens before it, nor its number. A character of more
 * tokens than `size` is a chunk of its own. Each chunk is found when it is asked for, in time linear in the text.
 *
 * @param tokens the ends of the text's tokens.
 * @throws RangeError for a size or an overlap out of range.
 */
export function chunkText(text: string, tokens: TokenSpans, options: ChunkOptions): Iterable<Chunk> {
  const { size, overlap } = options;
  if (!(Number.isInteger(size) && size >= 1)) throw new RangeError(`size must be a whole number above 0, got ${size}`);
  if (!(Number.isInteger(overlap) && overlap >= 0 && overlap <= size / 2)) {
    throw new RangeError(`overlap must be a whole number from 0 to half of the size (${size}), got ${overlap}`);
  }
  return findChunks(text, tokens, options);
}

function* findChunks(text: string, tokens: TokenSpans, { size, overlap }: ChunkOptions): Generator<Chunk> {
  const textEnd = skipSpacesBack(text, text.length, 0);
  const breaks = createBreakReader(createBreakFinder(text));
  let no = 0;
  let start = skipSpaces(text, 0, textEnd);
  /** Where the text begins that no chunk has yet, and the first token that ends behind it. */
  let covered = start;
  let newToken = 0;

  /** The end of the next chunk; undefined where not one character more has room. */
  function findEnd(): number | undefined {
    const most = Math.min(
      start + size * MOST_UNITS_PER_TOKEN,
      endOfTokens(tokens, firstTokenAfter(tokens, start, newToken), size),
    );
    if (most >= textEnd) return textEnd;
    if (most <= covered) return undefined;
    let inside = newToken;
    while (endOf(tokens, inside) <= most) inside += 1;
    const half = newToken + Math.floor((inside - newToken) / 2);
    const least =
      half > newToken ? Math.max(covered + 1, endOf(tokens, half - 1)) : covered + Math.ceil((most - covered) / 2);
    const natural = breaks.lastIn(least, most) ?? wordEnd(text, least, most);
    if (natural !== undefined) return natural;
    const whole = characterStart(text, most);
    return whole > covered ? skipSpacesBack(text, whole, covered + 1) : undefined;
  }

  while (covered < textEnd) {
    while (endOf(tokens, newToken) <= covered) newToken += 1;
    let end = findEnd();
    if (end === undefined) {
      // Then nothing is repeated.
      start = covered;
      const one = Math.min(start + size * MOST_UNITS_PER_TOKEN, Math.max(start + 1, endOf(tokens, newToken)));
      end = findEnd() ?? skipSpacesBack(text, Math.min(textEnd, characterEnd(text, one)), start + 1);
    }
    yield { no, text: text.slice(start, end), start };
    no += 1;
    covered = skipSpaces(text, end, textEnd);
    start = overlapOf(text, tokens, breaks, { start, end, covered, overlap, newToken });
  }
}

/** The place where so many tokens end. Tokens with one end are one character, which is not divided. */
function endOfTokens(tokens: TokenSpans, first: number, count: number): number {
  let last = first + count - 1;
  const end = endOf(tokens, last);
  if (last >= tokens.length - 1) return Number.POSITIVE_INFINITY;
  if (endOf(tokens, last + 1) === end) while (last >= 0 && endOf(tokens, last) === end) last -= 1;
  return last < first ? 0 : endOf(tokens, last);
}

/** Where a word is over; between kana and Han, which have no spaces, anywhere. */
function wordEnd(text: string, least: number, most: number): number | undefined {
  for (let at = most; at >= least; at -= 1) {
    if (isSpaceAt(text, at) && !isSpaceAt(text, at - 1)) return at;
    if (isUnspacedAt(text, at - 1) && isUnspacedAt(text, at) && characterStart(text, at) === at) return at;
  }
  return undefined;
}

function isUnspacedAt(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return code >= 0x3005 && (code <= 0x312f || (code >= 0x31f0 && code <= 0x9fff) || (code >= 0xf900 && code <= 0xfaff));
}

interface OverlapRange {
  /** Where the chunk began that is over. */
  readonly start: number;
  readonly end: number;
  /** Where the text begins that is new in it. */
  readonly covered: number;
  readonly overlap: number;
  /** The first token that was new in it. */
  readonly newToken: number;
}

/** Where the next chunk begins: at a sentence in the first half of what may be repeated, else at a word, else within one. */
function overlapOf(
  text: string,
  tokens: TokenSpans,
  breaks: BreakReader,
  { start, end, covered, overlap, newToken }: OverlapRange,
): number {
  if (overlap === 0) return covered;
  let behind = newToken;
  while (endOf(tokens, behind) <= end) behind += 1;
  const first = behind - overlap;
  // A word without end is one token that is not over: without the second bound, each chunk would have one character more than the last.
  const earliest = Math.max(start + 1, end - overlap * MOST_UNITS_PER_TOKEN, first > 0 ? endOf(tokens, first - 1) : 0);
  // White space behind the chunk may be tokens, too.
  if (earliest >= end || endOf(tokens, behind + overlap) <= covered) return covered;
  const middle = endOf(tokens, Math.max(0, behind - Math.ceil(overlap / 2) - 1));
  const sentence = breaks.firstIn(earliest, Math.min(middle, end - 1));
  if (sentence !== undefined) return skipSpaces(text, sentence, covered);
  for (let at = earliest; at < end; at += 1) {
    if (isSpaceAt(text, at - 1) && !isSpaceAt(text, at)) return at;
  }
  return skipSpaces(text, Math.max(start + 1, characterEnd(text, earliest)), covered);
}

/** The first token that ends behind a place, from a token on that ends behind it, too. */
function firstTokenAfter(tokens: TokenSpans, place: number, from: number): number {
  let token = from;
  while (token > 0 && endOf(tokens, token - 1) > place) token -= 1;
  return token;
}

function endOf(tokens: TokenSpans, token: number): number {
  return tokens[token] ?? Number.POSITIVE_INFINITY;
}

/** Finds breaks near places that move on through the text. */
interface BreakReader {
  /** The last of the best kind that has any. */
  lastIn(least: number, most: number): number | undefined;
  /** The first of any kind. */
  firstIn(least: number, most: number): number | undefined;
}

function createBreakReader({ paragraphs, sentences, lines, readTo }: BreakFinder): BreakReader {
  const kinds = [paragraphs, sentences, lines];
  return {
    lastIn(least, most) {
      readTo(most);
      for (const places of kinds) {
        const place = places[countUpTo(places, most) - 1];
        if (place !== undefined && place >= least) return place;
      }
      return undefined;
    },
    firstIn(least, most) {
      readTo(most);
      const found = kinds.flatMap((places) => places[countUpTo(places, least - 1)] ?? []);
      const first = Math.min(...found);
      return first <= most ? first : undefined;
    },
  };
}

/** How many of rising numbers are at most `most`. */
function countUpTo(places: readonly number[], most: number): number {
  let [low, high] = [0, places.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((places[middle] ?? 0) <= most) low = middle + 1;
    else high = middle;
  }
  return low;
}

function skipSpaces(text: string, from: number, most: number): number {
  let at = from;
  while (at < most && isSpaceAt(text, at)) at += 1;
  return at;
}

function skipSpacesBack(text: string, from: number, least: number): number {
  let at = from;
  while (at > least && isSpaceAt(text, at - 1)) at -= 1;
  return at;
}

/** Where the cluster of characters begins that the place is inside of; the place itself between two of them. */
function characterStart(text: string, place: number): number {
  return clusterAt(text, place)?.start ?? place;
}

function characterEnd(text: string, place: number): number {
  return clusterAt(text, place)?.end ?? place;
}

function clusterAt(text: string, place: number): { readonly start: number; readonly end: number } | undefined {
  if (place <= 0 || place >= text.length) return undefined;
  const isAscii = text.charCodeAt(place - 1) < 128 && text.charCodeAt(place) < 128;
  if (isAscii && text[place] !== '\n') return undefined;
  const from = Math.max(0, place - CLUSTER_UNITS);
  const part = text.slice(from, place + CLUSTER_UNITS);
  const { index, segment } = CLUSTERS.segment(part).containing(place - from) ?? { index: place - from, segment: '' };
  if (index === place - from) return undefined;
  // One without end is cut between characters.
  if (index > 0 || from === 0)
    return { start: from + index, end: Math.min(text.length, from + index + segment.length) };
  const isInPair = (text.charCodeAt(place) & 0xfc00) === 0xdc00 && (text.charCodeAt(place - 1) & 0xfc00) === 0xd800;
  return isInPair ? { start: place - 1, end: place + 1 } : undefined;
}
