import { Refused } from '../refused.ts';

/** Most UTF-16 units of a pattern. */
export const LONGEST_PATTERN = 10_000;

/** Deepest nesting of groups: parsers recurse. */
const DEEPEST_PATTERN = 100;

/** A pattern in the syntax of ECMAScript's `u` flag, and where each part of it came from. */
export interface NormalisedPattern {
  readonly source: string;
  /** The position in the pattern as given, counted in characters from 1, of an index in `source`. */
  positionOf(index: number): number;
}

/** Longer than any construct that is told by its beginning. */
const LOOK_AHEAD = 100;

const BRACED_ESCAPE = /^\\[pPu]\{[^{}]*\}/;
const COUNTS = /\{(?<min>\d+)(?:,(?<max>\d*))?\}/y;
const MOST_DIGITS = 9;
const ESCAPED_IN_UNICODE_MODE = /^[\^$\\.*+?()[\]{}|/a-zA-Z0-9]$/;
const INLINE_FLAGS = /^\(\?[a-zA-Z]*(?:-[a-zA-Z]+)?[):]/;

/** Constructs that other dialects have at the beginning of a group, and how they are called here. */
const FOREIGN_GROUPS: readonly (readonly [prefix: string, name: string])[] = [
  ['(?P=', 'a backreference'],
  ['(?P>', 'a recursion'],
  ['(?#', 'a comment'],
  ['(?>', 'an atomic group'],
  ['(?|', 'a branch reset'],
  ['(?(', 'a condition'],
  ['(?R', 'a recursion'],
  ["(?'", 'a named group in quotes'],
];

/**
 * The pattern rewritten where Python's, Perl's and ECMAScript's syntax differ and the meaning is plain: escapes of
 * punctuation, braces and brackets that stand for themselves, `(?P<name>`, `\A` and `\Z`.
 *
 * @throws Refused for what would mean different things to different readers, and beyond {@link LONGEST_PATTERN} and
 * {@link DEEPEST_PATTERN}, in time proportional to the pattern.
 */
export function normalisePattern(pattern: string): NormalisedPattern {
  if (pattern.length > LONGEST_PATTERN) {
    throw new Refused(
      `Pattern is too long: ${pattern.length} characters, and at most ${LONGEST_PATTERN} are supported`,
    );
  }
  const pieces: string[] = [];
  const origins: number[] = [];
  const put = (text: string, origin: number) => {
    pieces.push(text);
    for (let i = 0; i < text.length; i += 1) origins.push(origin);
  };
  const positionAt = (index: number) => Array.from(pattern.slice(0, index)).length + 1;
  const refuse = (what: string, index: number): never => {
    throw new Refused(`Pattern not supported: ${what} at position ${positionAt(index)}`);
  };

  let depth = 0;
  let classStart = -1;
  for (let index = 0; index < pattern.length; ) {
    const rest = pattern.slice(index, index + LOOK_AHEAD);
    const character = rest.charAt(0);
    const isInClass = classStart >= 0;
    if (character === '\\') {
      const [written, length] = readEscape(rest, isInClass);
      put(written, index);
      index += length;
      continue;
    }
    if (isInClass) {
      if (/^\[[:.=]/.test(rest)) refuse('a POSIX class', index);
      put(character, index);
      if (character === ']') classStart = -1;
    } else if (character === '[') {
      if (/^\[\^?\]/.test(rest)) refuse('an empty class (write \\] for a bracket in a class)', index);
      classStart = index;
      put(character, index);
    } else if (character === ']') put('\\]', index);
    else if (character === '}') put('\\}', index);
    else if (character === '{') {
      if (/^\{,\d+\}/.test(rest)) refuse('a repetition without minimum (write {0,n})', index);
      COUNTS.lastIndex = index;
      const found = COUNTS.exec(pattern);
      const counts = found?.[0];
      const digits = Math.max(found?.groups?.['min']?.length ?? 0, found?.groups?.['max']?.length ?? 0);
      if (digits > MOST_DIGITS) refuse(`a count of more than ${MOST_DIGITS} digits`, index);
      if (counts !== undefined && pattern.charAt(index + counts.length) === '+') {
        refuse('a possessive quantifier', index);
      }
      put(counts ?? '\\{', index);
      index += (counts?.length ?? 1) - 1;
    } else if (character === '(') {
      depth += 1;
      if (depth > DEEPEST_PATTERN) refuse(`nesting deeper than ${DEEPEST_PATTERN} groups`, index);
      for (const [prefix, name] of FOREIGN_GROUPS) if (rest.startsWith(prefix)) refuse(name, index);
      if (INLINE_FLAGS.test(rest) && !rest.startsWith('(?:')) refuse('inline flags', index);
      const isPythonName = rest.startsWith('(?P<');
      put(isPythonName ? '(?<' : character, index);
      if (isPythonName) index += 3;
    } else {
      if (character === ')') depth -= 1;
      if (/^[*+?]\+/.test(rest)) refuse('a possessive quantifier', index);
      put(character, index);
    }
    index += 1;
  }
  return {
    source: pieces.join(''),
    positionOf: (index) => positionAt(origins[index] ?? pattern.length),
  };
}

/** How an escape is written under the `u` flag, and how many units of the pattern it took. */
function readEscape(rest: string, isInClass: boolean): readonly [written: string, length: number] {
  const escaped = String.fromCodePoint(rest.codePointAt(1) ?? 0x5c);
  if (rest.length === 1) return ['\\', 1];
  const braced = BRACED_ESCAPE.exec(rest)?.[0];
  if (braced !== undefined) return [braced, braced.length];
  if (!isInClass && escaped === 'A') return ['^', 2];
  if (!isInClass && (escaped === 'Z' || escaped === 'z')) return ['$', 2];
  const isKept = ESCAPED_IN_UNICODE_MODE.test(escaped) || (isInClass && escaped === '-');
  return [isKept ? `\\${escaped}` : escaped, 1 + escaped.length];
}
