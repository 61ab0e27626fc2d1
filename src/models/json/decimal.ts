/**
 * An exact decimal number: `digits / 10^scale`. `digits` is no multiple of ten but for zero, which is `0 / 10^0`; so equal numbers
 * have equal parts, and `scale` is negative for what ends in zeros before the point.
 */
export interface Decimal {
  readonly digits: bigint;
  readonly scale: number;
}

/** How many digits numbers have, where that is known: to write out a long one takes tens of milliseconds. */
const counts = new WeakMap<Decimal, number>();

/** The number with these digits and so many of them after the point. */
function decimal(digits: bigint, scale: number): Decimal {
  if (digits === 0n) return { digits, scale: 0 };
  let [rest, places] = [digits, scale];
  while (rest % 10n === 0n) [rest, places] = [rest / 10n, places - 1];
  return { digits: rest, scale: places };
}

/** The number of these digits, perhaps after a sign, and so many of them after the point; neither begins nor ends with a zero but for zero. */
export function decimalOfDigits(text: string, scale: number): Decimal {
  const value = { digits: BigInt(text), scale };
  counts.set(value, text.startsWith('-') ? text.length - 1 : text.length);
  return value;
}

/** A whole number. */
export function wholeDecimal(value: bigint): Decimal {
  return decimal(value, 0);
}

/** True for numbers without digits after the point. */
export function isWhole({ scale }: Decimal): boolean {
  return scale <= 0;
}

/** The value of a whole number. @throws RangeError for another one */
export function wholeOf({ digits, scale }: Decimal): bigint {
  return digits * 10n ** BigInt(-scale);
}

/** -1, 0 or 1 as the number is negative, zero or positive. */
export function signOf({ digits }: Decimal): number {
  return digits < 0n ? -1 : digits > 0n ? 1 : 0;
}

/** How many digits stand before the point; zero or less says how many zeros follow it before the first other digit. */
export function magnitudeOf(value: Decimal): number {
  const { digits, scale } = value;
  let count = counts.get(value);
  if (count === undefined) {
    count = (digits < 0n ? -digits : digits).toString().length;
    counts.set(value, count);
  }
  return count - scale;
}

/** How many digits the number has when it is written without exponent. */
export function lengthOf(value: Decimal): number {
  return Math.max(magnitudeOf(value), 1) + Math.max(value.scale, 0);
}

/** Negative, zero or positive as the first is less than, equal to or greater than the second. */
export function compareDecimals(one: Decimal, other: Decimal): number {
  const sign = signOf(one);
  if (sign !== signOf(other)) return sign - signOf(other);
  // Numbers of one magnitude are brought to one scale at the cost of their own digits, whatever their exponents.
  const longer = magnitudeOf(one) - magnitudeOf(other);
  if (longer !== 0) return longer * sign;
  const [a, b] = aligned(one, other);
  return a < b ? -1 : a > b ? 1 : 0;
}

/** True when the first is a whole multiple of the second, which is not zero. */
export function isMultiple(value: Decimal, step: Decimal): boolean {
  if (value.digits === 0n) return true;
  const power = step.scale - value.scale;
  // Its digits would have to be a multiple of ten.
  if (power < 0) return false;
  const modulus = step.digits < 0n ? -step.digits : step.digits;
  return ((value.digits % modulus) * powerOfTen(power, modulus)) % modulus === 0n;
}

/** The least whole number that is at least the value divided by the step, which is positive. */
export function quotientUp(value: Decimal, step: Decimal): bigint {
  return -quotientDown(negated(value), step);
}

/** The greatest whole number that is at most the value divided by the step, which is positive. */
export function quotientDown(value: Decimal, step: Decimal): bigint {
  const [a, b] = aligned(value, step);
  return a >= 0n ? a / b : -((-a + b - 1n) / b);
}

/** The value times a whole number. */
export function times(value: Decimal, factor: bigint): Decimal {
  return decimal(value.digits * factor, value.scale);
}

/** The value with the other sign. */
export function negated({ digits, scale }: Decimal): Decimal {
  return { digits: -digits, scale };
}

/** The least number that both are divisors of, by whole numbers. */
export function leastCommonMultiple(one: Decimal, other: Decimal): Decimal {
  const [a, b] = aligned(one, other);
  return decimal((a / greatestCommonDivisor(a, b)) * b, Math.max(one.scale, other.scale));
}

/** The digits before and after the point of a number that is not negative; no digit after it that says nothing. */
export function partsOf({ digits, scale }: Decimal): readonly [whole: string, fraction: string] {
  if (scale <= 0) return [`${digits}${'0'.repeat(digits === 0n ? 0 : -scale)}`, ''];
  const text = digits.toString().padStart(scale + 1, '0');
  return [text.slice(0, text.length - scale), text.slice(text.length - scale)];
}

/** The number as JSON has it, without exponent. */
export function textOf(value: Decimal): string {
  if (value.digits < 0n) return `-${textOf(negated(value))}`;
  const [whole, fraction] = partsOf(value);
  return fraction === '' ? whole : `${whole}.${fraction}`;
}

function aligned(one: Decimal, other: Decimal): readonly [bigint, bigint] {
  const scale = Math.max(one.scale, other.scale);
  return [one.digits * 10n ** BigInt(scale - one.scale), other.digits * 10n ** BigInt(scale - other.scale)];
}

function greatestCommonDivisor(a: bigint, b: bigint): bigint {
  let [one, other] = [a, b];
  while (other !== 0n) [one, other] = [other, one % other];
  return one;
}

/** Ten to the power, less all multiples of the modulus: never longer than that, whatever the power. */
function powerOfTen(power: number, modulus: bigint): bigint {
  let result = 1n;
  let square = 10n % modulus;
  for (let left = power; left > 0; left = Math.floor(left / 2)) {
    if (left % 2 === 1) result = (result * square) % modulus;
    square = (square * square) % modulus;
  }
  return result;
}
