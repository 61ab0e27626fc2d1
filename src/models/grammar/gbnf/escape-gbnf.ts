import type { CodePointSet } from './code-points.ts';

const SAFE_IN_LITERALS = /^[ !#-[\]-~]$/;
const SAFE_IN_CLASSES = /^[a-zA-Z0-9]$/;

/** A text as a quoted literal of GBNF, in ASCII. */
export function quoteLiteral(text: string): string {
  const escaped = Array.from(text, (character) =>
    SAFE_IN_LITERALS.test(character) ? character : escapePoint(character.codePointAt(0) ?? 0),
  );
  return `"${escaped.join('')}"`;
}

/** A set as a bracket expression of GBNF, in ASCII; never a negated one, which the engine misjudges for split characters. */
export function bracketClass(set: CodePointSet): string {
  const ranges = set.map(([first, last]) => {
    if (first === last) return classPoint(first);
    return `${classPoint(first)}${last === first + 1 ? '' : '-'}${classPoint(last)}`;
  });
  return `[${ranges.join('')}]`;
}

function classPoint(point: number): string {
  const character = String.fromCodePoint(point);
  return SAFE_IN_CLASSES.test(character) ? character : escapePoint(point);
}

function escapePoint(point: number): string {
  const hex = point.toString(16).toUpperCase();
  if (point <= 0xff) return `\\x${hex.padStart(2, '0')}`;
  return point <= 0xffff ? `\\u${hex.padStart(4, '0')}` : `\\U${hex.padStart(8, '0')}`;
}
