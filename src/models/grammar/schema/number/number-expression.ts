import {
  alternatives,
  characterClass,
  type Expression,
  literal,
  NEVER,
  optional,
  repeat,
  sequence,
} from '../../gbnf/expression.ts';
import type { NumberKeywords } from '../read/schema-site.ts';
import { literalTrie } from '../text/literal-trie.ts';
import {
  compareDecimals,
  type Decimal,
  decimalOf,
  leastCommonMultiple,
  quotientDown,
  quotientUp,
  textOf,
  times,
  wholeDecimal,
} from './decimal.ts';
import { type Bound, decimalRange } from './decimal-range.ts';
import { DIGIT, digitsBetween, integerRange, naturalRange } from './integer-range.ts';
import { multiplesExpression } from './multiples.ts';

/** Digits of a whole number where no bound says otherwise: all that `bigint` surely holds. */
const WHOLE_DIGITS = 18;
/** Digits after the point: more than a double can tell apart. */
const FRACTION_DIGITS = 20;
/** Digits beyond which a bound is left to the check: the grammar would be long and the model's number is not. */
const MOST_BOUND_DIGITS = 30;
/** Most values that are written out one by one. */
const MOST_VALUES = 1_000n;

const ONE = wholeDecimal(1n);

/** What several sets of keywords ask of one number. */
interface NumberDemands {
  readonly least: Bound | undefined;
  readonly most: Bound | undefined;
  /** All `multipleOf` together. */
  readonly step: Decimal | undefined;
}

/**
 * The texts of the numbers that all keywords agree to, of bounded length and, where there is a bound or a `multipleOf`,
 * without exponent. Exact but for a `multipleOf` with more than 1,000 values and bounds of more than 30 digits, where some more pass.
 */
export function numberExpression(keywords: readonly NumberKeywords[], isInteger: boolean): Expression {
  const { least, most, step: given } = demandsOf(keywords);
  const step = isInteger ? leastCommonMultiple(given ?? ONE, ONE) : given;
  if (least !== undefined && most !== undefined && isEmptyRange(least, most)) return NEVER;
  if (step === undefined) return least === undefined && most === undefined ? anyNumber() : anyBetween(least, most);
  const first = least === undefined ? undefined : firstMultiple(least, step);
  const last = most === undefined ? undefined : lastMultiple(most, step);
  if (first !== undefined && last !== undefined) {
    if (first > last) return NEVER;
    if (last - first < MOST_VALUES && !(isOne(step) && last - first > 20n)) {
      const values: string[] = [];
      for (let factor = first; factor <= last; factor += 1n) values.push(textOf(times(step, factor)));
      return literalTrie(values);
    }
  }
  if (step.scale > 0) return anyBetween(least, most, step.scale);
  const [lowest, highest] = [
    first === undefined ? undefined : first * step.digits,
    last === undefined ? undefined : last * step.digits,
  ];
  const limit = 10n ** BigInt(WHOLE_DIGITS) - 1n;
  if (isOne(step)) {
    const from = fits(lowest) ? lowest : undefined;
    const to = fits(highest) ? highest : undefined;
    return integerRange(from ?? -atLeast(limit, to), to ?? atLeast(limit, from));
  }
  return multiplesExpression(step.digits, lowest, highest, WHOLE_DIGITS);
}

function demandsOf(all: readonly NumberKeywords[]): NumberDemands {
  let least: Bound | undefined;
  let most: Bound | undefined;
  let step: Decimal | undefined;
  for (const keywords of all) {
    for (const bound of [boundOf(keywords.minimum, false), boundOf(keywords.exclusiveMinimum, true)]) {
      if (bound !== undefined && (least === undefined || compareBounds(bound, least) > 0)) least = bound;
    }
    for (const bound of [boundOf(keywords.maximum, false), boundOf(keywords.exclusiveMaximum, true)]) {
      if (bound !== undefined && (most === undefined || compareUpperBounds(bound, most) < 0)) most = bound;
    }
    if (keywords.multipleOf !== undefined) {
      const next = decimalOf(keywords.multipleOf);
      step = step === undefined ? next : leastCommonMultiple(step, next);
    }
  }
  return { least, most, step };
}

function boundOf(value: number | undefined, isExclusive: boolean): Bound | undefined {
  return value === undefined ? undefined : { value: decimalOf(value), isExclusive };
}

/** The exclusive one of two equal lower bounds is greater. */
function compareBounds(one: Bound, other: Bound): number {
  return compareDecimals(one.value, other.value) || Number(one.isExclusive) - Number(other.isExclusive);
}

/** The exclusive one of two equal upper bounds is less. */
function compareUpperBounds(one: Bound, other: Bound): number {
  return compareDecimals(one.value, other.value) || Number(other.isExclusive) - Number(one.isExclusive);
}

function isEmptyRange(least: Bound, most: Bound): boolean {
  const order = compareDecimals(least.value, most.value);
  return order > 0 || (order === 0 && (least.isExclusive || most.isExclusive));
}

function firstMultiple({ value, isExclusive }: Bound, step: Decimal): bigint {
  const factor = quotientUp(value, step);
  return isExclusive && compareDecimals(times(step, factor), value) === 0 ? factor + 1n : factor;
}

function lastMultiple({ value, isExclusive }: Bound, step: Decimal): bigint {
  const factor = quotientDown(value, step);
  return isExclusive && compareDecimals(times(step, factor), value) === 0 ? factor - 1n : factor;
}

function anyBetween(least: Bound | undefined, most: Bound | undefined, places = FRACTION_DIGITS): Expression {
  const fractionDigits = Math.min(places, FRACTION_DIGITS);
  return decimalRange(expressible(least), expressible(most), { wholeDigits: WHOLE_DIGITS, fractionDigits });
}

function expressible(bound: Bound | undefined): Bound | undefined {
  if (bound === undefined) return undefined;
  const { digits, scale } = bound.value;
  return scale > FRACTION_DIGITS || digits.toString().length > MOST_BOUND_DIGITS ? undefined : bound;
}

function anyNumber(): Expression {
  const natural = naturalRange(0n, 10n ** BigInt(WHOLE_DIGITS) - 1n);
  const fraction = sequence(literal('.'), repeat(DIGIT, 1, FRACTION_DIGITS));
  const exponent = sequence(
    characterClass([
      [0x45, 0x45],
      [0x65, 0x65],
    ]),
    optional(
      characterClass([
        [0x2b, 0x2b],
        [0x2d, 0x2d],
      ]),
    ),
    // jsonb holds less than 10^131072, a double less than 10^309; with 18 digits before the point this stays below both
    alternatives([
      sequence(digitsBetween(1, 9), optional(DIGIT)),
      sequence(digitsBetween(1, 1), DIGIT, DIGIT),
      sequence(literal('2'), digitsBetween(0, 8), DIGIT),
    ]),
  );
  return sequence(optional(literal('-')), natural, optional(fraction), optional(exponent));
}

function isOne({ digits, scale }: Decimal): boolean {
  return digits === 1n && scale === 0;
}

function fits(bound: bigint | undefined): boolean {
  return bound !== undefined && bound.toString().length <= MOST_BOUND_DIGITS;
}

/** The limit, or where a bound is beyond it, a number with one digit more than the bound. */
function atLeast(limit: bigint, bound: bigint | undefined): bigint {
  const magnitude = bound === undefined ? 0n : bound < 0n ? -bound : bound;
  return magnitude > limit ? magnitude * 10n : limit;
}
