/** Where a text may be cut, as UTF-16 offsets in rising order: each is the end of what stands before the break, without its white space. */
interface TextBreaks {
  /** Before a blank line, a form feed or a paragraph separator. */
  readonly paragraphs: readonly number[];
  readonly sentences: readonly number[];
  readonly lines: readonly number[];
}

const SPACE = 1;
const LINE = 2;
/** Ends a sentence where white space follows, and something that is no small letter. */
const STOP = 3;
/** Ends a sentence whatever follows. */
const FULL_STOP = 4;
/** A quotation mark or bracket: it belongs to the sentence that ends before it. */
const CLOSER = 5;
const PARAGRAPH = 6;

const STOPS = '.!?…‥‼‽⁇⁈⁉؟۔։।॥';
const FULL_STOPS = '。！？｡．።፧፨။។៕།';
const CLOSERS = '"\')]}>»›”’」』）］｝〉》】〗〙〛＂＇';

/**
 * The classes of code units, for the first 64 Ki: all characters that matter lie there. Fixed, so that a text has the same chunks on every
 * machine.
 */
const CLASSES = classesOf({
  [SPACE]:
    '\t\v \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000\ufeff',
  [LINE]: '\n\r\u2028',
  [PARAGRAPH]: '\f\u2029',
  [STOP]: STOPS,
  [FULL_STOP]: FULL_STOPS,
  [CLOSER]: CLOSERS,
});

/** Words before a full stop that ends no sentence, besides single letters. */
const ABBREVIATIONS = new Set(
  'mr mrs ms dr prof st jr sr vs etc al ed eds fig figs no nos vol pp cf ca approx inc ltd dept e.g i.e z.b bzw vgl nr abs bspw'.split(
    ' ',
  ),
);
const LONGEST_ABBREVIATION = 6;
const SMALL_LETTER = /^\p{Ll}/u;
const LETTER = /^\p{L}$/u;
const LINE_END = /[\n\r]/;

/** True for white space, line ends included. */
export function isSpaceAt(text: string, at: number): boolean {
  const kind = CLASSES[text.charCodeAt(at)];
  return kind === SPACE || kind === LINE || kind === PARAGRAPH;
}

/** Finds the breaks of a text as far as they are asked for. */
export interface BreakFinder extends TextBreaks {
  /** All breaks up to that place are found now. */
  readTo(place: number): void;
}

/** Reads the text once, from left to right; what is behind a break does not change those before it, but for the next character. */
export function createBreakFinder(text: string): BreakFinder {
  const paragraphs: number[] = [];
  const sentences: number[] = [];
  const lines: number[] = [];
  /** The place behind the last character that is no white space. */
  let contentEnd = 0;
  let lineEnds = 0;
  let stop: typeof STOP | typeof FULL_STOP | undefined;
  let at = 0;
  const read = () => {
    const kind = CLASSES[text.charCodeAt(at)];
    if (kind === SPACE || kind === LINE || kind === PARAGRAPH) {
      if (kind === PARAGRAPH) lineEnds += 2;
      // \r\n is one line end.
      else if (kind === LINE && !(text[at] === '\r' && text[at + 1] === '\n')) lineEnds += 1;
      return;
    }
    if (at > contentEnd && contentEnd > 0) {
      if (lineEnds > 1) paragraphs.push(contentEnd);
      if (lineEnds > 0) lines.push(contentEnd);
      if (stop === FULL_STOP || (stop === STOP && isSentenceEnd(text, contentEnd, at))) sentences.push(contentEnd);
      stop = undefined;
    } else if (stop === FULL_STOP && kind !== CLOSER && kind !== STOP && kind !== FULL_STOP) {
      sentences.push(at);
    }
    if (kind === STOP || kind === FULL_STOP) stop = kind;
    else if (kind !== CLOSER) stop = undefined;
    contentEnd = at + 1;
    lineEnds = 0;
  };
  return {
    paragraphs,
    sentences,
    lines,
    readTo(place) {
      for (; contentEnd <= place && at < text.length; at += 1) read();
    },
  };
}

/**
 * False where the sentence goes on with a small letter, as after "e.g.", or the stop belongs to an initial, a title or the number of an
 * item.
 */
function isSentenceEnd(text: string, end: number, next: number): boolean {
  if (SMALL_LETTER.test(text.slice(next, next + 2))) return false;
  if (text[end - 1] !== '.') return true;
  let start = end - 1;
  while (start > 0 && end - start <= LONGEST_ABBREVIATION && !isSpaceAt(text, start - 1)) start -= 1;
  const word = text.slice(start, end - 1).replace(/^["'([{«“‘]+/, '');
  const isNumberOfItem = /^\d+$/.test(word) && (start === 0 || LINE_END.test(text[start - 1] ?? ''));
  return !LETTER.test(word) && !isNumberOfItem && !ABBREVIATIONS.has(word.toLowerCase());
}

function classesOf(characters: Readonly<Record<number, string>>): Uint8Array {
  const classes = new Uint8Array(65_536);
  for (const [kind, all] of Object.entries(characters)) {
    for (const character of all) classes[character.charCodeAt(0)] = Number(kind);
  }
  return classes;
}
