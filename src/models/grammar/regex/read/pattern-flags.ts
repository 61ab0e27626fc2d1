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
