import { codePointsOf, complementSet } from '../../gbnf/code-points.ts';
import { type Expression, literal, NEVER } from '../../gbnf/expression.ts';
import { jsonCharacter } from '../../gbnf/json-characters.ts';

/** Any one character of a JSON string but these. */
export function anyCharacterBut(excluded: readonly string[]): Expression {
  return jsonCharacter(complementSet(codePointsOf(excluded.join(''))));
}

/** A text as a JSON string; nothing for a text that `jsonb` cannot hold. */
export function jsonString(text: string): Expression {
  return isStorable(text) ? literal(JSON.stringify(text)) : NEVER;
}

/** False for a text with a zero character or half a surrogate pair, which `jsonb` cannot hold. */
export function isStorable(text: string): boolean {
  return !text.includes('\0') && text.isWellFormed();
}
