import type { UNSUPPORTED } from './unsupported.ts';

/** How a group begins in the syntax of ECMAScript. */
export interface GroupReading {
  readonly written: string;
  /** How many units of the pattern it took. */
  readonly length: number;
  readonly isAtomic: boolean;
  readonly isAssertion: boolean;
}

const NAMED = /^\(\?(?:P?<[\p{ID_Start}_$][\p{ID_Continue}$]*>|'[\p{ID_Start}_][\p{ID_Continue}]*')/u;

const REFUSED: readonly (readonly [prefix: RegExp, construct: keyof typeof UNSUPPORTED])[] = [
  [/^\(\?P=/, 'backreference'],
  [/^\(\?(?:P>|&|R|[+-]?\d)/, 'recursion'],
  [/^\(\?\(/, 'condition'],
  [/^\(\?(?:C|\??\{)/, 'code'],
  [/^\(\?[<'][^>'=!]*-/, 'balancing'],
  [/^\(\*/, 'verb'],
];

/** How the group at the beginning of `rest` begins, or why it has no meaning here. Names and numbers of groups are dropped. */
export function readGroup(rest: string): GroupReading | keyof typeof UNSUPPORTED {
  const begin = (written: string, length: number, kind?: 'atomic' | 'assertion') => ({
    written,
    length,
    isAtomic: kind === 'atomic',
    isAssertion: kind === 'assertion',
  });
  const look = /^\(\?<?[=!]/.exec(rest)?.[0];
  if (look !== undefined) return begin(look, look.length, 'assertion');
  if (rest.startsWith('(?>')) return begin('(?:', 3, 'atomic');
  if (rest.startsWith('(?|')) return begin('(?:', 3);
  const named = NAMED.exec(rest)?.[0];
  if (named !== undefined) return begin('(?:', named.length);
  return REFUSED.find(([prefix]) => prefix.test(rest))?.[1] ?? begin('(', 1);
}

/** What inline flags turn on: case is not told apart, `^` and `$` match at lines, `.` takes line ends, white space is free. */
export interface PatternFlags {
  readonly i: boolean;
  readonly m: boolean;
  readonly s: boolean;
  readonly x: boolean;
}

export const NO_FLAGS: PatternFlags = { i: false, m: false, s: false, x: false };

/** Flags at the beginning of a group, and whether they hold for it or for what comes after. */
export interface FlagsReading {
  readonly flags: PatternFlags;
  readonly length: number;
  readonly isGroup: boolean;
}

const FLAGS = /^\(\?(?<reset>\^?)(?<on>[a-zA-Z]*)(?:-(?<off>[a-zA-Z]*))?(?<end>[):])/;

/** The flags that `rest` begins with; `unknown` for one that has no meaning here; undefined where there are none. */
export function readFlags(rest: string, before: PatternFlags): FlagsReading | 'unknown' | undefined {
  const found = FLAGS.exec(rest);
  if (found === null) return undefined;
  const { reset, on = '', off = '', end } = found.groups ?? {};
  if (/[^imsx]/.test(on + off)) return 'unknown';
  const base = reset === '^' ? NO_FLAGS : before;
  const flagOf = (letter: keyof PatternFlags) => (base[letter] || on.includes(letter)) && !off.includes(letter);
  const flags = { i: flagOf('i'), m: flagOf('m'), s: flagOf('s'), x: flagOf('x') };
  return { flags, length: found[0].length, isGroup: end === ':' };
}
