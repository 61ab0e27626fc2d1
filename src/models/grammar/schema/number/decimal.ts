/** An exact decimal number: `digits / 10^scale`, with the least scale, which is not negative. */
export interface Decimal {
  readonly digits: bigint;
  readonly scale: number;
}

/** The number that the shortest text of a double says: 0.1 is one tenth. */
export function decimalOf(value: number): Decimal {
  const [mantissa = '0', exponent = '0'] = String(value).split('e');
  const [whole = '0', fraction = ''] = mantissa.split('.');
  const scale = fraction.length - Number(exponent);
  const digits = BigInt(whole + fraction);
  return reduced(scale < 0 ? digits * 10n ** BigInt(-scale) : digits, Math.max(0, scale));
}

/** A whole number. */
export function wholeDecimal(digits: bigint): Decimal {
  return { digits, scale: 0 };
}

/** Negative, zero or positive as the first is less than, equal to or greater than the second. */
export function compareDecimals(one: Decimal, other: Decimal): number {
  const [a, b] = aligned(one, other);
  return a < b ? -1 : a > b ? 1 : 0;
}

/** True when the first is a whole multiple of the second, which is not zero. */
export function isMultiple(value: Decimal, step: Decimal): boolean {
  const [a, b] = aligned(value, step);
  return a % b === 0n;
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
  return reduced(value.digits * factor, value.scale);
}

/** The value with the other sign. */
export function negated({ digits, scale }: Decimal): Decimal {
  return { digits: -digits, scale };
}

/** The least number that both are divisors of, by whole numbers. */
export function leastCommonMultiple(one: Decimal, other: Decimal): Decimal {
  const [a, b] = aligned(one, other);
  return reduced((a / greatestCommonDivisor(a, b)) * b, Math.max(one.scale, other.scale));
}

/** The digits before and after the point of a number that is not negative; no digit after it that says nothing. */
export function partsOf({ digits, scale }: Decimal): readonly [whole: string, fraction: string] {
  const text = digits.toString().padStart(scale + 1, '0');
  return [text.slice(0, text.length - scale), text.slice(text.length - scale)];
}

/** As JSON has it, without exponent. */
export function textOf(value: Decimal): string {
  if (value.digits < 0n) return `-${textOf(negated(value))}`;
  const [whole, fraction] = partsOf(value);
  return fraction === '' ? whole : `${whole}.${fraction}`;
}

function reduced(digits: bigint, scale: number): Decimal {
  let [rest, places] = [digits, scale];
  while (places > 0 && rest % 10n === 0n) [rest, places] = [rest / 10n, places - 1];
  return { digits: rest, scale: places };
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
