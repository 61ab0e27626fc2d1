import { type Decimal, negated, partsOf, wholeDecimal } from '../../../json/decimal.ts';
import { alternatives, EMPTY, type Expression, literal, NEVER, repeat, sequence } from '../../gbnf/expression.ts';
import { DIGIT, DIGITS_OF_RULE, digitsBetween, naturalRange, type Share } from './integer-range.ts';

/** A bound of a range of numbers. */
export interface Bound {
  readonly value: Decimal;
  readonly isExclusive: boolean;
}

/** How long the texts of numbers may be, and how they are put into rules. */
export interface NumberForm {
  /** Most digits before the point where no bound says otherwise. */
  readonly wholeDigits: number;
  /** Most digits after the point. */
  readonly fractionDigits: number;
  readonly share: Share;
}

const ZERO = wholeDecimal(0n);

/** The texts, without exponent, of exactly the numbers between two bounds that have at most so many digits. */
export function decimalRange(least: Bound | undefined, most: Bound | undefined, form: NumberForm): Expression {
  const reachesUp = most === undefined || most.value.digits > 0n || (most.value.digits === 0n && !most.isExclusive);
  const reachesDown = least === undefined || least.value.digits < 0n;
  const low = least === undefined || least.value.digits < 0n ? { value: ZERO, isExclusive: false } : least;
  const depth = most === undefined || most.value.digits >= 0n ? { value: ZERO, isExclusive: true } : mirrored(most);
  return alternatives([
    reachesUp ? unsignedRange(low, most, form) : NEVER,
    reachesDown
      ? sequence(literal('-'), unsignedRange(depth, least === undefined ? undefined : mirrored(least), form))
      : NEVER,
  ]);
}

/** The bound of the other sign. */
export function mirrored({ value, isExclusive }: Bound): Bound {
  return { value: negated(value), isExclusive };
}

/** Bounds are not negative. */
function unsignedRange(least: Bound, most: Bound | undefined, form: NumberForm): Expression {
  const [lowWhole, lowFraction] = partsOf(least.value);
  const [highWhole, highFraction] = most === undefined ? [undefined, ''] : partsOf(most.value);
  const low = { digits: lowFraction, isExclusive: least.isExclusive };
  const high = { digits: highFraction, isExclusive: most?.isExclusive ?? false };
  const { share } = form;
  if (lowWhole === highWhole) return sequence(literal(lowWhole), fraction(low, high, form));
  const isLowFree = lowFraction === '' && !least.isExclusive;
  const firstFree = BigInt(lowWhole) + (isLowFree ? 0n : 1n);
  const longest = Math.max(form.wholeDigits, lowWhole.length + 1);
  const lastFree = highWhole === undefined ? 10n ** BigInt(longest) - 1n : BigInt(highWhole) - 1n;
  if (highWhole !== undefined && BigInt(highWhole) < BigInt(lowWhole)) return NEVER;
  return alternatives([
    sequence(naturalRange(firstFree, lastFree, share), fraction(undefined, undefined, form)),
    isLowFree ? NEVER : sequence(literal(lowWhole), fraction(low, undefined, form)),
    highWhole === undefined ? NEVER : sequence(literal(highWhole), fraction(undefined, high, form)),
  ]);
}

/** A bound of what stands after the point; missing digits are zeros. */
interface FractionBound {
  readonly digits: string;
  readonly isExclusive: boolean;
}

/** The point and what follows it, or nothing, of at most so many digits. */
function fraction(least: FractionBound | undefined, most: FractionBound | undefined, form: NumberForm): Expression {
  const { canEnd, more } = digitsFrom(0, least, most, form);
  return alternatives([canEnd ? EMPTY : NEVER, sequence(literal('.'), more)]);
}

interface Digits {
  /** Whether the number may end before this digit. */
  readonly canEnd: boolean;
  /** This digit and what may follow. */
  readonly more: Expression;
}

/** The digits from the one at `index` on; a bound is undefined when earlier digits have settled it. */
function digitsFrom(
  index: number,
  least: FractionBound | undefined,
  most: FractionBound | undefined,
  form: NumberForm,
): Digits {
  const [low, high] = [restOf(least, index), restOf(most, index)];
  if (least !== undefined && low === '' && !least.isExclusive) return digitsFrom(index, undefined, most, form);
  const isAboveLow = least === undefined || (low === '' && !least.isExclusive);
  const isBelowHigh = most === undefined || high !== '' || !most.isExclusive;
  const canEnd = isAboveLow && isBelowHigh;
  const left = form.fractionDigits - index;
  if (left <= 0) return { canEnd, more: NEVER };
  if (least === undefined && most === undefined) return { canEnd, more: repeat(DIGIT, 1, left) };
  if (most !== undefined && high === '') return { canEnd, more: NEVER };
  const [first, last] = [Number(low[0] ?? 0), Number(most === undefined ? 9 : high[0])];
  const follow = (digit: number, ...bounds: readonly [FractionBound | undefined, FractionBound | undefined]) => {
    const rest = digitsFrom(index + 1, ...bounds, form);
    const all = alternatives([rest.canEnd ? EMPTY : NEVER, rest.more]);
    return sequence(literal(String(digit)), left % DIGITS_OF_RULE === 0 ? form.share(all) : all);
  };
  if (least !== undefined && most !== undefined && first === last) return { canEnd, more: follow(first, least, most) };
  const free = digitsBetween(least === undefined ? first : first + 1, most === undefined ? last : last - 1);
  return {
    canEnd,
    more:
      first > last
        ? NEVER
        : alternatives([
            least === undefined ? NEVER : follow(first, least, undefined),
            sequence(free, repeat(DIGIT, 0, left - 1)),
            most === undefined ? NEVER : follow(last, undefined, most),
          ]),
  };
}

function restOf(bound: FractionBound | undefined, index: number): string {
  return bound === undefined ? '' : bound.digits.slice(index);
}
