import { alternatives, type Expression, literal, NEVER, repeat, sequence } from '../../gbnf/expression.ts';
import { literalTrie } from '../text/literal-trie.ts';
import { DIGIT, digitsBetween, integerRange, type Share } from './integer-range.ts';

/** Most endings that are written out. */
const MOST_ENDINGS = 1_000n;

/**
 * The multiples of a whole number from `least` to `most`. Exact for divisors of a power of ten up to 1,000 without
 * bounds; otherwise the bounds or the ending hold, and the rest is left to the check.
 */
export function multiplesExpression(
  step: bigint,
  least: bigint | undefined,
  most: bigint | undefined,
  wholeDigits: number,
  share: Share,
): Expression {
  const places = placesOf(step);
  if (places === undefined || (least !== undefined && least > 0n) || (most !== undefined && most < 0n)) {
    const limit = 10n ** BigInt(digitsOf(least, most, Math.max(wholeDigits, step.toString().length)) + 1) - 1n;
    return integerRange(least ?? -limit, most ?? limit, share);
  }
  const modulus = 10n ** BigInt(places);
  const short: string[] = [];
  const endings: string[] = [];
  for (let value = 0n; value < modulus; value += step) {
    short.push(value.toString());
    endings.push(value.toString().padStart(places, '0'));
  }
  const long = sequence(
    digitsBetween(1, 9),
    repeat(DIGIT, 0, Math.max(0, digitsOf(least, most, wholeDigits) - places - 1)),
    literalTrie(endings),
  );
  const negative = least === undefined || least < 0n;
  const positive = most === undefined || most > 0n;
  return alternatives([
    positive ? alternatives([literalTrie(short), long]) : literal('0'),
    negative ? sequence(literal('-'), alternatives([literalTrie(short.slice(1)), long])) : NEVER,
  ]);
}

/** How many last digits tell whether a number is a multiple; undefined when they do not, or too many endings do. */
function placesOf(step: bigint): number | undefined {
  for (let places = 1; places <= 18; places += 1) {
    const modulus = 10n ** BigInt(places);
    if (modulus % step === 0n) return modulus / step <= MOST_ENDINGS ? places : undefined;
  }
  return undefined;
}

/** How long the numbers between two bounds may be; at least `wholeDigits` where one is missing. */
function digitsOf(least: bigint | undefined, most: bigint | undefined, wholeDigits: number): number {
  const [low, high] = [least ?? 0n, most ?? 0n].map((bound) => bound.toString().replace('-', '').length);
  const longest = Math.max(low ?? 0, high ?? 0);
  return least === undefined || most === undefined ? Math.max(longest, wholeDigits) : longest;
}
