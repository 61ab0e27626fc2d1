import { Refused } from '../../output-grammar.ts';
import { literalSource, type Rewritten, readEscape, readPosixClass, readWordEdge } from './pattern-escapes.ts';
import { NO_FLAGS, type PatternFlags, readFlags, readGroup } from './pattern-groups.ts';
import { type UNSUPPORTED, unsupported } from './unsupported.ts';

/** Most UTF-16 units of a pattern. */
export const LONGEST_PATTERN = 10_000;

/** Deepest nesting of groups: parsers recurse. */
const DEEPEST_PATTERN = 100;

/** A pattern in the syntax of ECMAScript's `u` flag, and what that syntax has no words for. */
export interface NormalisedPattern {
  readonly source: string;
  /** The position in the pattern as given, counted in characters from 1, of an index in `source`. */
  positionOf(index: number): number;
  /** The flags that hold for what begins at an index in `source`; `m` is off for `\A`, `\z` and `\Z`. */
  flagsAt(index: number): PatternFlags;
  /** True for a group that begins at this index and is atomic. */
  isAtomicAt(index: number): boolean;
  /** True for a quantifier that ends at this index and is possessive. */
  isPossessiveAt(index: number): boolean;
}

/** Longer than any construct that is told by its beginning. */
const LOOK_AHEAD = 100;

const COUNTS = /\{(?<min>\d*)(?<comma>,)?(?<max>\d*)\}/y;
const MOST_DIGITS = 9;

/**
 * The pattern rewritten where Python's, Perl's, PostgreSQL's and ECMAScript's syntax differ and the meaning is plain:
 * escapes, POSIX classes, names of groups, comments, `\Q..\E`; flags, atomic groups and possessive quantifiers are told
 * beside the source.
 *
 * @throws Refused for what has no meaning here, and beyond {@link LONGEST_PATTERN} and {@link DEEPEST_PATTERN}, in time
 * proportional to the pattern.
 */
export function normalisePattern(pattern: string): NormalisedPattern {
  if (pattern.length > LONGEST_PATTERN) {
    throw new Refused(
      `Pattern is too long: ${pattern.length} characters, and at most ${LONGEST_PATTERN} are supported`,
    );
  }
  let source = '';
  const origins: number[] = [];
  const flagsOf: PatternFlags[] = [];
  const atomic = new Set<number>();
  const possessive = new Set<number>();
  const positionAt = (index: number) => Array.from(pattern.slice(0, index)).length + 1;

  let index = 0;
  let flags = NO_FLAGS;
  /** What a quantifier would repeat. */
  let last: 'nothing' | 'atom' | 'assertion' | 'repetition' = 'nothing';
  const groups: { readonly flagsOutside: PatternFlags; readonly isAssertion: boolean }[] = [];
  let classStart = -1;
  let hasPosixClass = false;

  const refuse = (construct: keyof typeof UNSUPPORTED): never => {
    throw unsupported(construct, positionAt(index));
  };
  const refuseBound = (what: string): never => {
    throw new Refused(`Pattern not supported: ${what} at position ${positionAt(index)}`);
  };
  const put = (text: string, length: number, flagsThere: PatternFlags = flags) => {
    source += text;
    for (let i = 0; i < text.length; i += 1) {
      origins.push(index);
      flagsOf.push(flagsThere);
    }
    index += length;
  };
  const putRewritten = ({ written, length, kind }: Rewritten) => {
    if (kind === 'atomic') atomic.add(source.length);
    put(written, length, kind === 'edge' ? { ...flags, m: false } : flags);
    if (classStart < 0) last = kind === 'assertion' || kind === 'edge' ? 'assertion' : 'atom';
  };
  const open = (text: string, length: number, flagsInside: PatternFlags, isAssertion: boolean) => {
    if (groups.length >= DEEPEST_PATTERN) refuseBound(`nesting deeper than ${DEEPEST_PATTERN} groups`);
    groups.push({ flagsOutside: flags, isAssertion });
    put(text, length);
    flags = flagsInside;
    last = 'nothing';
  };
  /** Where a text ends that nothing in it has a meaning: at its terminator, or with the pattern. */
  const endOf = (terminator: string, start: number): number => {
    const end = pattern.indexOf(terminator, start);
    return end < 0 ? pattern.length : end;
  };

  const readEscaped = (rest: string) => {
    if (rest.startsWith('\\Q')) {
      const end = endOf('\\E', index + 2);
      const quoted = pattern.slice(index + 2, end);
      index += 2;
      for (const unit of quoted.split('')) put(literalSource(unit), 1);
      if (quoted !== '' && classStart < 0) last = 'atom';
      return;
    }
    if (rest.startsWith('\\E')) {
      index += 2;
      return;
    }
    const reading = readEscape(rest, classStart >= 0);
    if (typeof reading === 'string') refuse(reading);
    else putRewritten(reading);
  };

  const readInClass = (rest: string) => {
    const posix = readPosixClass(rest);
    if (typeof posix === 'string') refuse(posix);
    else if (posix !== undefined) {
      hasPosixClass = true;
      putRewritten(posix);
      return;
    }
    if (/^(?:&&|--)\[[^\]]*\]\]/.test(rest)) refuse('classOperator');
    if (rest.startsWith(']')) {
      classStart = -1;
      last = 'atom';
    }
    put(rest.charAt(0), 1);
  };

  const readClassStart = (rest: string) => {
    const edge = readWordEdge(rest);
    if (edge !== undefined) {
      putRewritten(edge);
      return;
    }
    if (/^\[\^?\]/.test(rest)) refuse('emptyClass');
    classStart = index;
    hasPosixClass = false;
    const opening = rest.startsWith('[^') ? '[^' : '[';
    put(opening, opening.length);
  };

  const readGroupStart = (rest: string) => {
    const group = readGroup(rest);
    const flagged = typeof group === 'string' ? undefined : readFlags(rest, flags);
    if (typeof group === 'string') refuse(group);
    else if (flagged === 'unknown') refuse('flag');
    else if (flagged?.isGroup === true) open('(?:', flagged.length, flagged.flags, false);
    else if (flagged !== undefined) {
      index += flagged.length;
      flags = flagged.flags;
    } else if (rest.startsWith('(?#')) {
      const end = pattern.indexOf(')', index);
      if (end < 0) throw new Refused(`Pattern is not valid: Unterminated comment, near position ${positionAt(index)}`);
      index = end + 1;
    } else {
      if (group.isAtomic) atomic.add(source.length);
      open(group.written, group.length, flags, group.isAssertion);
    }
  };

  const readQuantifier = (quantifier: string, length: number) => {
    if (last === 'assertion') refuse('repeatedAssertion');
    if (last === 'repetition') refuse('repeatedRepetition');
    const after = pattern.charAt(index + length);
    const isLazy = after === '?';
    const isPossessive = after === '+';
    put(isLazy ? `${quantifier}?` : quantifier, length + (isLazy || isPossessive ? 1 : 0));
    if (isPossessive) possessive.add(source.length);
    // What nothing precedes is left to the parser, which says so.
    if (last === 'atom') last = 'repetition';
  };

  const readBrace = () => {
    COUNTS.lastIndex = index;
    const found = COUNTS.exec(pattern);
    const { min = '', comma, max = '' } = found?.groups ?? {};
    if (found === null || (min === '' && max === '')) {
      put('\\{', 1);
      last = 'atom';
      return;
    }
    if (Math.max(min.length, max.length) > MOST_DIGITS) refuseBound(`a count of more than ${MOST_DIGITS} digits`);
    readQuantifier(`{${min === '' ? '0' : min}${comma ?? ''}${max}}`, found[0].length);
  };

  const readOutsideClass = (rest: string) => {
    const character = rest.charAt(0);
    if (flags.x && /\s/.test(character)) index += 1;
    else if (flags.x && character === '#') index = endOf('\n', index);
    else if (character === '[') readClassStart(rest);
    else if (character === '(') readGroupStart(rest);
    else if (character === '{') readBrace();
    else if (/[*+?]/.test(character)) readQuantifier(character, 1);
    else if (character === ')') {
      const group = groups.pop();
      put(character, 1);
      flags = group?.flagsOutside ?? flags;
      last = group?.isAssertion === true ? 'assertion' : 'atom';
    } else {
      last = character === '|' ? 'nothing' : /[\^$]/.test(character) ? 'assertion' : 'atom';
      put(/[\]}]/.test(character) ? `\\${character}` : character, 1);
    }
  };

  while (index < pattern.length) {
    const rest = pattern.slice(index, index + LOOK_AHEAD);
    if (rest.startsWith('\\')) readEscaped(rest);
    else if (classStart >= 0) readInClass(rest);
    else readOutsideClass(rest);
  }
  if (classStart >= 0 && hasPosixClass) {
    index = classStart;
    refuseBound('a class with a POSIX class in it that does not end (write [[:alpha:]], with two brackets)');
  }
  return {
    source,
    positionOf: (at) => positionAt(origins[at] ?? pattern.length),
    flagsAt: (at) => flagsOf[at] ?? NO_FLAGS,
    isAtomicAt: (at) => atomic.has(at),
    isPossessiveAt: (at) => possessive.has(at),
  };
}
