import {
  compareDecimals,
  type Decimal,
  isWhole,
  leastCommonMultiple,
  lengthOf,
  magnitudeOf,
  quotientDown,
  quotientUp,
  signOf,
  textOf,
  times,
  wholeDecimal,
  wholeOf,
} from '../../../json/decimal.ts';
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
import { GrammarTooLarge } from '../../output-grammar.ts';
import type { NumberKeywords } from '../read/schema-site.ts';
import { literalTrie } from '../text/literal-trie.ts';
import { type Bound, decimalRange, mirrored } from './decimal-range.ts';
import { DIGIT, digitsBetween, integerRange, naturalRange, type Share } from './integer-range.ts';
import { multiplesExpression } from './multiples.ts';

/** Digits of a whole number where no bound says otherwise: all that `bigint` surely holds. */
const WHOLE_DIGITS = 18;
/** Digits after the point where neither a bound nor a `multipleOf` has more: more than a double can tell apart. */
const FRACTION_DIGITS = 20;
/** Most digits after the point whatever a `multipleOf` has. */
const MOST_FRACTION_DIGITS = 100;
/** Digits beyond which a bound is left to the check: the grammar would be long and the model's number is not. */
const MOST_BOUND_DIGITS = 60;
/** Most digits of the least common multiple of all `multipleOf`: it takes ever longer to find. */
const MOST_STEP_DIGITS = 2_000;
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
 * without exponent. Exact but for a `multipleOf` with more than 1,000 values and bounds of more than 60 digits, where some more pass.
 *
 * @throws GrammarTooLarge where only numbers of more than 60 digits are within the bounds
 */
export function numberExpression(keywords: readonly NumberKeywords[], isInteger: boolean, share: Share): Expression {
  const { least, most, step: given } = demandsOf(keywords);
  const step = isInteger ? leastCommonMultiple(given ?? ONE, ONE) : given;
  if (least !== undefined && most !== undefined && isEmptyRange(least, most)) return NEVER;
  if ((least !== undefined && isFarAbove(least)) || (most !== undefined && isFarAbove(mirrored(most)))) {
    throw new GrammarTooLarge(`The schema asks for numbers of more than ${MOST_BOUND_DIGITS} digits`);
  }
  if (step === undefined) {
    return least === undefined && most === undefined
      ? anyNumber(share)
      : anyBetween(least, most, FRACTION_DIGITS, share);
  }
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
  if (!isWhole(step)) return anyBetween(least, most, step.scale, share);
  const whole = wholeOf(step);
  const [lowest, highest] = [
    first === undefined ? undefined : first * whole,
    last === undefined ? undefined : last * whole,
  ];
  const limit = 10n ** BigInt(WHOLE_DIGITS) - 1n;
  if (isOne(step)) {
    const from = fits(lowest) ? lowest : undefined;
    const to = fits(highest) ? highest : undefined;
    return integerRange(from ?? -atLeast(limit, to), to ?? atLeast(limit, from), share);
  }
  return multiplesExpression(
    whole,
    fits(lowest) ? lowest : undefined,
    fits(highest) ? highest : undefined,
    WHOLE_DIGITS,
    share,
  );
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
      step = step === undefined ? keywords.multipleOf : leastCommonMultiple(step, keywords.multipleOf);
      if (lengthOf(step) > MOST_STEP_DIGITS) {
        throw new GrammarTooLarge(`The schema asks for multiples of a number of more than ${MOST_STEP_DIGITS} digits`);
      }
    }
  }
  return { least, most, step };
}

function boundOf(value: Decimal | undefined, isExclusive: boolean): Bound | undefined {
  return value === undefined ? undefined : { value, isExclusive };
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

/** Numbers with at least so many digits after the point where some more are needed to fall between the bounds. */
function anyBetween(least: Bound | undefined, most: Bound | undefined, places: number, share: Share): Expression {
  const [low, high] = [expressible(least), expressible(most)];
  const between = Math.max(low?.value.scale ?? 0, high?.value.scale ?? 0) + 1;
  const fractionDigits = Math.min(Math.max(places, between), MOST_FRACTION_DIGITS);
  return decimalRange(low, high, { wholeDigits: WHOLE_DIGITS, fractionDigits, share });
}

/** True for a lower bound that no number is above that the grammar writes. */
function isFarAbove({ value }: Bound): boolean {
  return signOf(value) > 0 && magnitudeOf(value) > MOST_BOUND_DIGITS;
}

function expressible(bound: Bound | undefined): Bound | undefined {
  return bound === undefined || lengthOf(bound.value) > MOST_BOUND_DIGITS ? undefined : bound;
}

function anyNumber(share: Share): Expression {
  const natural = naturalRange(0n, 10n ** BigInt(WHOLE_DIGITS) - 1n, share);
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
