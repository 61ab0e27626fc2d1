import type { Pacer } from '../../core/pacer.ts';
import { readPieces, segmentWords } from './segment-words.ts';
import { wordWeight } from './word-weight.ts';

/** Letters that two forms of a word must share from the start, as "claim" and "claims" do. */
const STEM_LETTERS = 4;

/** Share of the longer form that the common start must be; below it, two words are not held for forms of one. */
const STEM_SHARE = 0.6;

/** Most words kept per common start, so that hostile documents cost linear time. */
const MAX_STEM_WORDS = 16;

/** Words scored between two looks at the clock. */
const STRETCH_WORDS = 1_024;

/** Parts of the score that do not come from coverage: the query's words in its own order, and little else in the document. */
const PHRASE_SHARE = 0.1;
const FOCUS_SHARE = 0.05;

interface DocumentWords {
  readonly sequence: string[];
  readonly words: Set<string>;
  /** Words by their first {@link STEM_LETTERS} letters. */
  readonly stems: Map<string, string[]>;
}

/**
 * One score from 0 to 1 per document, in document order: how much of the query's words, rare ones counting more, each holds.
 *
 * 1 is the query itself; a document that holds it word for word beats every one that does not; 0 shares no word.
 * A word counts more the fewer of these documents hold it, so scores of different calls are not comparable.
 */
export async function scoreDocuments(query: string, documents: readonly string[], pacer: Pacer): Promise<number[]> {
  const wanted = await readWords(query, pacer);
  const read: DocumentWords[] = [];
  for (const document of documents) read.push(await readWords(document, pacer));
  const weights = new Map<string, number>();
  for (const term of wanted.words) {
    weights.set(term, wordWeight(term) * rarity(term, read));
    if (weights.size % STRETCH_WORDS === 0 && pacer.isDue()) await pacer.pause();
  }
  const scores: number[] = [];
  for (const document of read) scores.push(round(await scoreDocument(wanted, weights, document, pacer)));
  return scores;
}

async function readWords(text: string, pacer: Pacer): Promise<DocumentWords> {
  const read: DocumentWords = { sequence: [], words: new Set(), stems: new Map() };
  for (const piece of readPieces(text)) {
    for (const word of segmentWords(piece)) addWord(read, word);
    if (pacer.isDue()) await pacer.pause();
  }
  return read;
}

function addWord({ sequence, words, stems }: DocumentWords, word: string): void {
  sequence.push(word);
  if (words.has(word)) return;
  words.add(word);
  if (word.length < STEM_LETTERS) return;
  const start = word.slice(0, STEM_LETTERS);
  const sharing = stems.get(start);
  if (sharing === undefined) stems.set(start, [word]);
  else if (sharing.length < MAX_STEM_WORDS) sharing.push(word);
}

/** Inverse document frequency with a square root in place of the logarithm, which is not exact on every machine. */
function rarity(term: string, documents: readonly DocumentWords[]): number {
  const holding = documents.filter(({ words }) => words.has(term)).length;
  return Math.sqrt((documents.length + 1) / (holding + 1));
}

async function scoreDocument(
  wanted: DocumentWords,
  weights: ReadonlyMap<string, number>,
  document: DocumentWords,
  pacer: Pacer,
): Promise<number> {
  let [matched, total, held, seen] = [0, 0, 0, 0];
  for (const [term, weight] of weights) {
    const match = matchTerm(term, document);
    total += weight;
    matched += weight * match;
    if (match === 1) held++;
    if (++seen % STRETCH_WORDS === 0 && pacer.isDue()) await pacer.pause();
  }
  if (matched === 0) return 0;
  const isPhrase = held === weights.size && containsSequence(document.sequence, wanted.sequence);
  const focus = held / document.words.size;
  return (matched / total) * (1 - PHRASE_SHARE - FOCUS_SHARE + (isPhrase ? PHRASE_SHARE : 0) + focus * FOCUS_SHARE);
}

/** 1 when the document holds the word, the common share when it holds another form of it, else 0. */
function matchTerm(term: string, { words, stems }: DocumentWords): number {
  if (words.has(term)) return 1;
  let best = 0;
  for (const word of stems.get(term.slice(0, STEM_LETTERS)) ?? []) best = Math.max(best, commonShare(term, word));
  return best >= STEM_SHARE ? best * best : 0;
}

function commonShare(a: string, b: string): number {
  const shorter = Math.min(a.length, b.length);
  let common = 0;
  while (common < shorter && a.charCodeAt(common) === b.charCodeAt(common)) common++;
  return common / Math.max(a.length, b.length);
}

/** Six decimals: enough to order documents, and readable. */
function round(score: number): number {
  return Math.round(Math.min(1, score) * 1e6) / 1e6;
}

/** True when `wanted` stands in `words` without a gap; in linear time, by Knuth, Morris and Pratt. */
export function containsSequence(words: readonly string[], wanted: readonly string[]): boolean {
  if (wanted.length === 0) return true;
  const borders = bordersOf(wanted);
  let matched = 0;
  for (const word of words) {
    matched = extend(wanted, borders, matched, word);
    if (matched === wanted.length) return true;
  }
  return false;
}

/** The length of the longest proper prefix of each prefix of `wanted` that is its suffix too. */
function bordersOf(wanted: readonly string[]): number[] {
  const borders = [0];
  for (let length = 1; length < wanted.length; length++) {
    borders.push(extend(wanted, borders, borders[length - 1] ?? 0, wanted[length]));
  }
  return borders;
}

function extend(wanted: readonly string[], borders: readonly number[], from: number, word: string | undefined): number {
  let matched = from;
  while (matched > 0 && wanted[matched] !== word) matched = borders[matched - 1] ?? 0;
  return wanted[matched] === word ? matched + 1 : matched;
}
