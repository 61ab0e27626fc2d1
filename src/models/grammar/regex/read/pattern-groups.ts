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
