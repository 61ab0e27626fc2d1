import {
  alternatives,
  characterClass,
  EMPTY,
  type Expression,
  literal,
  NEVER,
  repeat,
  sequence,
} from '../../gbnf/expression.ts';

/** Moves a part into its own rule: the engine reads nested rules by recursion, and each digit of a bound nests the next. */
export type Share = (part: Expression) => Expression;

/** So many digits of a bound are nested in one rule. */
export const DIGITS_OF_RULE = 10;

/** Any digit. */
export const DIGIT: Expression = characterClass([[0x30, 0x39]]);

/** The digits from one to another, or nothing. */
export function digitsBetween(first: number, last: number): Expression {
  return characterClass(first > last ? [] : [[0x30 + first, 0x30 + last]]);
}

/** The texts of exactly the whole numbers from `least` to `most`, without leading zeros; "-0" is none. */
export function integerRange(least: bigint, most: bigint, share: Share): Expression {
  if (least > most) return NEVER;
  const negative = least < 0n ? sequence(literal('-'), naturalRange(most < 0n ? -most : 1n, -least, share)) : NEVER;
  const natural = most < 0n ? NEVER : naturalRange(least < 0n ? 0n : least, most, share);
  return alternatives([natural, negative]);
}

/** The same as {@link integerRange}, for bounds that are not negative. */
export function naturalRange(least: bigint, most: bigint, share: Share): Expression {
  if (least > most) return NEVER;
  const [low, high] = [least.toString(), most.toString()];
  if (low.length === high.length) return sameLength(low, high, share);
  const options: Expression[] = [];
  let shortest = low.length;
  if (!/^10*$/.test(low)) {
    options.push(sameLength(low, '9'.repeat(shortest), share));
    shortest += 1;
  }
  const longest = /^9+$/.test(high) ? high.length : high.length - 1;
  if (shortest <= longest) {
    options.push(sequence(digitsBetween(1, 9), repeat(DIGIT, shortest - 1, longest - 1)));
  }
  if (longest < high.length) options.push(sameLength(`1${'0'.repeat(longest)}`, high, share));
  return alternatives(options);
}

/** Every text of digits between two of the same length. */
function sameLength(low: string, high: string, share: Share): Expression {
  const [a, b] = [Number(low[0]), Number(high[0])];
  if (low === '') return EMPTY;
  const [restOfLow, restOfHigh] = [low.slice(1), high.slice(1)];
  if (a === b) return sequence(literal(String(a)), sameLength(restOfLow, restOfHigh, share));
  const isLowFull = /^0*$/.test(restOfLow);
  const isHighFull = /^9*$/.test(restOfHigh);
  const length = restOfLow.length;
  const all = alternatives([
    isLowFull ? NEVER : sequence(literal(String(a)), sameLength(restOfLow, '9'.repeat(length), share)),
    sequence(digitsBetween(isLowFull ? a : a + 1, isHighFull ? b : b - 1), repeat(DIGIT, length, length)),
    isHighFull ? NEVER : sequence(literal(String(b)), sameLength('0'.repeat(length), restOfHigh, share)),
  ]);
  return low.length % DIGITS_OF_RULE === 0 ? share(all) : all;
}
