import type { TokenSpans } from '../../models/port.ts';

const SPACE = 1;
const SMALL = 2;
const CAPITAL = 3;
const DIGIT = 4;
const MARK = 5;
const BEYOND_ASCII = 6;

/** Letters of one token at most, and digits: tokenizers of models that are served over HTTP join 4 to 5 letters of English on average. */
const LETTERS = 4;
const DIGITS = 3;
/** Bytes of UTF-8 of one token in other scripts: two letters of Greek or Cyrillic, one of Hindi or Chinese. */
const BYTES = 4;

/**
 * About where tokens end, for a tokenizer that nobody here has. It errs on the side of too many: for English by a fifth or so, for text
 * of many scripts, code and identifiers less. One token is: up to 4 letters of a word, with the space before them; up to 3 digits; a
 * mark; a line end; up to 4 further spaces; 4 bytes of UTF-8 in any other script.
 */
export function estimateTokens(text: string): TokenSpans {
  const ends = new Uint32Array(text.length * 2);
  let count = 0;
  let kind = 0;
  /** Length of the token that is not over yet, without the space before it. */
  let length = 0;
  const close = (end: number) => {
    ends[count] = end;
    count += 1;
    length = 0;
  };
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    const next = kindOf(code);
    const most = next === DIGIT ? DIGITS : next === BEYOND_ASCII ? BYTES : LETTERS;
    const bytes = next === BEYOND_ASCII ? bytesOf(code) : 1;
    const isWord = kind === next || (kind === CAPITAL && next === SMALL);
    const isOver = !isWord || length + bytes > most || kind === MARK || code === 10;
    // A single space goes with what follows it.
    if (length > 0 && isOver && !(kind === SPACE && length === 1 && next !== SPACE && text.charCodeAt(at - 1) !== 10))
      close(at);
    else if (kind === SPACE && next !== SPACE) length = 0;
    length += bytes;
    kind = next;
    if (bytes === 4) {
      // Both halves of a pair: more bytes than one token has.
      at += 1;
      ends[count] = Math.min(at + 1, text.length);
      count += 1;
    }
  }
  if (length > 0) close(text.length);
  return ends.slice(0, count);
}

function kindOf(code: number): number {
  if (code > 127) return BEYOND_ASCII;
  if (code <= 32) return SPACE;
  if (code >= 97 && code <= 122) return SMALL;
  if (code >= 65 && code <= 90) return CAPITAL;
  return code >= 48 && code <= 57 ? DIGIT : MARK;
}

/** Bytes of a code unit in UTF-8; 4 for the first half of a pair. */
function bytesOf(code: number): number {
  if (code < 0x800) return 2;
  return (code & 0xfc00) === 0xd800 ? 4 : 3;
}
