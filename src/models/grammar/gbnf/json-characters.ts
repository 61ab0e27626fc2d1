import { type CodePointSet, complementSet, intersectSets, uniteSets } from './code-points.ts';
import { alternatives, characterClass, type Expression, literal, optional, sequence } from './expression.ts';

/** Characters that JSON writes as a backslash and a letter, with that letter. */
const SHORT_ESCAPES: readonly (readonly [point: number, letter: string])[] = [
  [0x08, 'b'],
  [0x09, 't'],
  [0x0a, 'n'],
  [0x0c, 'f'],
  [0x0d, 'r'],
  [0x22, '"'],
  [0x5c, '\\'],
];

const SHORT: CodePointSet = uniteSets(SHORT_ESCAPES.map(([point]) => [point, point] as const));
const CONTROLS: CodePointSet = [[0x01, 0x1f]];
const RAW: CodePointSet = complementSet(uniteSets(SHORT, CONTROLS));

/** One character of a set as it is written inside a JSON string: exactly as `JSON.stringify` does. */
export function jsonCharacter(set: CodePointSet): Expression {
  const letters = SHORT_ESCAPES.filter(([point]) => intersectSets(set, [[point, point]]).length > 0);
  const long = intersectSets(intersectSets(set, CONTROLS), complementSet(SHORT));
  const escapes = [
    characterClass(letters.map(([, letter]) => [letter.charCodeAt(0), letter.charCodeAt(0)] as const)),
    sequence(literal('u00'), alternatives([longEscapes(long, 0), longEscapes(long, 1)])),
  ];
  return alternatives([characterClass(intersectSets(set, RAW)), sequence(literal('\\'), alternatives(escapes))]);
}

/** The last two hexadecimal digits of the controls of a set whose first such digit is given. */
function longEscapes(set: CodePointSet, digit: number): Expression {
  const points = Array.from({ length: 16 }, (_, low) => digit * 16 + low);
  const lows = points.filter((point) => intersectSets(set, [[point, point]]).length > 0);
  const digits = lows.map((point) => (point % 16).toString(16).charCodeAt(0));
  return sequence(literal(String(digit)), characterClass(digits.map((low) => [low, low] as const)));
}

/** Models are used to one space here; more they might repeat without end. */
const space = optional(literal(' '));

/** What stands between two items or members. */
export const COMMA: Expression = sequence(literal(','), space);

/** What stands between a name and its value. */
export const COLON: Expression = sequence(literal(':'), space);
