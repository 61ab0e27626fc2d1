import { type CodePointSet, complementSet } from '../../gbnf/code-points.ts';
import { HORIZONTAL_SPACES, POSIX_CLASSES } from './character-sets.ts';
import { propertyNameOf } from './unicode-property.ts';
import type { UNSUPPORTED } from './unsupported.ts';

/** What an escape, or a POSIX class, comes to in the syntax of ECMAScript's `u` flag. */
export interface Rewritten {
  readonly written: string;
  /** How many units of the pattern it took. */
  readonly length: number;
  readonly kind: 'character' | 'assertion' | 'edge' | 'atomic';
}

/** An escape, or why it has no meaning here. */
export type EscapeReading = Rewritten | keyof typeof UNSUPPORTED;

const STANDING_IN_UNICODE_MODE = /^[\^$\\.*+?()[\]{}|/a-zA-Z0-9]$/;
const PROPERTY = /^\\([pP])(?:([A-Z])|\{(\^?)([A-Za-z0-9_=&]+)\})/;
const CODE_POINT = /^(?:\\x\{|\\N\{U\+)([0-9A-Fa-f]{1,8})\}|^\\U([0-9A-Fa-f]{8})/;

/** Escapes that ECMAScript does not have, outside classes and inside them. */
const FOREIGN: ReadonlyMap<string, string> = new Map([
  ['a', '\\x07'],
  ['e', '\\x1b'],
]);

/** Edges of the text and of words, as Perl, Python and PostgreSQL write them. */
const EDGES: ReadonlyMap<string, readonly [written: string, kind: Rewritten['kind']]> = new Map([
  ['A', ['^', 'edge']],
  ['Z', ['$', 'edge']],
  ['z', ['$', 'edge']],
  ['b', ['\\b', 'assertion']],
  ['B', ['\\B', 'assertion']],
  ['y', ['\\b', 'assertion']],
  ['Y', ['\\B', 'assertion']],
  ['m', ['\\b(?=\\w)', 'assertion']],
  ['M', ['\\b(?<=\\w)', 'assertion']],
]);

const REFUSED: ReadonlyMap<string, keyof typeof UNSUPPORTED> = new Map([
  ['k', 'backreference'],
  ['g', 'backreference'],
  ['K', 'matchStart'],
  ['G', 'matchEnd'],
  ['X', 'grapheme'],
  ['C', 'byte'],
  ['o', 'octal'],
]);

const LINE_END = '(?:\\r\\n|[\\n\\v\\f\\r\\x85\\u2028\\u2029])';

/** How an escape at the beginning of `rest` is written under the `u` flag. */
export function readEscape(rest: string, isInClass: boolean): EscapeReading {
  if (rest.length === 1) return { written: '\\', length: 1, kind: 'character' };
  const escaped = String.fromCodePoint(rest.codePointAt(1) ?? 0x5c);
  const put = (written: string, length = 2, kind: Rewritten['kind'] = 'character') => ({ written, length, kind });

  const point = CODE_POINT.exec(rest);
  if (point !== null) return put(`\\u{${point[1] ?? point[2] ?? ''}}`, point[0].length);
  const property = PROPERTY.exec(rest);
  if (property !== null) return put(propertySource(property), property[0].length);
  const braced = /^\\[pPu]\{[^{}]*\}/.exec(rest)?.[0];
  if (braced !== undefined) return put(braced, braced.length);

  const foreign = FOREIGN.get(escaped);
  if (foreign !== undefined) return put(foreign);
  if (escaped === 'h' || escaped === 'H') return put(setSource(HORIZONTAL_SPACES, escaped === 'H', isInClass));
  const edge = isInClass ? undefined : EDGES.get(escaped);
  if (edge !== undefined) return put(edge[0], 2, edge[1]);
  if (escaped === 'R') return isInClass ? 'lineEndInClass' : put(LINE_END, 2, 'atomic');
  if (escaped === 'N') {
    if (rest.startsWith('\\N{')) return 'characterName';
    return isInClass ? 'notNewlineInClass' : put('[^\\n]');
  }
  const refused = REFUSED.get(escaped);
  if (refused !== undefined) return refused;
  if (/^\\0[0-7]/.test(rest)) return 'octal';
  if (/^\\[1-9]/.test(rest)) return isInClass ? 'octal' : 'backreference';

  const isKept = STANDING_IN_UNICODE_MODE.test(escaped) || (isInClass && escaped === '-');
  return put(isKept ? `\\${escaped}` : escaped, 1 + escaped.length);
}

function propertySource([, letter, short, caret, name]: RegExpExecArray): string {
  const isNegated = (letter === 'P') !== (caret === '^');
  return `\\${isNegated ? 'P' : 'p'}{${propertyNameOf(short ?? name ?? '')}}`;
}

/**
 * A POSIX class at the beginning of `rest`, inside a class, or why it has no meaning; undefined where a bracket stands
 * for itself.
 */
export function readPosixClass(rest: string): EscapeReading | undefined {
  if (/^\[([.=])[^\]]*\1\]/.test(rest)) return 'collation';
  const [whole, caret, name] = /^\[:(\^?)([^:\]]*):\]/.exec(rest) ?? [];
  if (whole === undefined) return undefined;
  const set = POSIX_CLASSES.get(name ?? '');
  if (set === undefined) return 'posixClass';
  return { written: setSource(set, caret === '^', true), length: whole.length, kind: 'character' };
}

/** The beginning or the end of a word, as PostgreSQL and BSD write them: a whole class. */
export function readWordEdge(rest: string): Rewritten | undefined {
  if (!rest.startsWith('[[:<:]]') && !rest.startsWith('[[:>:]]')) return undefined;
  return { written: rest.charAt(3) === '<' ? '\\b(?=\\w)' : '\\b(?<=\\w)', length: 7, kind: 'assertion' };
}

/** A character that stands for itself, between `\Q` and `\E` and elsewhere. */
export function literalSource(character: string): string {
  return /[\^$\\.*+?()[\]{}|/-]/.test(character)
    ? `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`
    : character;
}

function setSource(set: CodePointSet, isNegated: boolean, isInClass: boolean): string {
  const ranges = isNegated ? complementSet(set) : set;
  const inside = ranges.map(([first, last]) => `${pointSource(first)}-${pointSource(last)}`).join('');
  return isInClass ? inside : `[${inside}]`;
}

function pointSource(point: number): string {
  return `\\u{${point.toString(16)}}`;
}
