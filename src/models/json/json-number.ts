import { type Decimal, decimalOfDigits, lengthOf, textOf } from './decimal.ts';

/** The one member of an {@link ExactNumber}: no `jsonb`, and so no document of a user's, has a name with a zero character. */
export const EXACT_NUMBER = '\0number';

/**
 * A number of a JSON document that no double is, as plain data, which passes through threads and processes: digits and the power of ten
 * that they are multiplied by, such as `1181234567890123457` and `-15e-400`. Equal numbers have equal texts.
 */
export type ExactNumber = { readonly [EXACT_NUMBER]: string };

/** A number of a JSON document, exactly: the double whose shortest text says the same, an {@link ExactNumber} where there is none. */
export type JsonNumber = number | ExactNumber;

/**
 * Doubles beyond 2^±1000 stand for exact numbers wherever something can only handle doubles, so numbers of that size are never
 * held as doubles.
 */
export const GREATEST_HELD = 2 ** 1000;
const LEAST_HELD = 2 ** -1000;

/** Longest number that is written without exponent: every double is. */
const LONGEST_PLAIN = 400;

/** The form in which {@link toJsonNumber} writes; a number of a text may have as many digits as the text has characters. */
const EXACT = /^-?\d+(?:e-?\d+)?$/;

/** True for what {@link toJsonNumber} gives where no double will do: one member, digits. */
export function isExactNumber(value: unknown): value is ExactNumber {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, EXACT_NUMBER)) return false;
  const text: unknown = Reflect.get(value, EXACT_NUMBER);
  return typeof text === 'string' && Object.keys(value).length === 1 && EXACT.test(text);
}

/** True for both forms of a number. */
export function isJsonNumber(value: unknown): value is JsonNumber {
  return (typeof value === 'number' && Number.isFinite(value)) || isExactNumber(value);
}

/** The number that a text of JSON says; in time proportional to the text, whatever its exponent. */
export function toJsonNumber(text: string): JsonNumber {
  const value = Number(text);
  const size = Math.abs(value);
  const isHeld = value === 0 || (size >= LEAST_HELD && size <= GREATEST_HELD);
  const exact = normalised(text);
  return isHeld && normalised(String(value)) === exact ? value : { [EXACT_NUMBER]: exact };
}

/** The same number as toJsonNumber gives for its text: for values that JavaScript itself made. */
export function heldExactly(value: number): JsonNumber {
  const size = Math.abs(value);
  const isHeld = value === 0 || (size >= LEAST_HELD && size <= GREATEST_HELD);
  return isHeld ? value : { [EXACT_NUMBER]: normalised(String(value)) };
}

/** The value of a number; of a double, what its shortest text says: 0.1 is one tenth. */
export function decimalOf(value: JsonNumber): Decimal {
  const text = typeof value === 'number' ? normalised(String(value)) : value[EXACT_NUMBER];
  const [digits = '', exponent = '0'] = text.split('e');
  return decimalOfDigits(digits, -Number(exponent) || 0);
}

/** The number as JSON has it: without exponent unless it is very long. */
export function numberText(value: Decimal): string {
  return lengthOf(value) > LONGEST_PLAIN ? `${value.digits}e${-value.scale}` : textOf(value);
}

/** True for numbers that `jsonb` can hold: at most 131072 digits before the point and 16383 after it. */
export function isInRangeOfJsonb(value: ExactNumber): boolean {
  const [digits = '', exponent = '0'] = value[EXACT_NUMBER].split('e');
  const length = digits.startsWith('-') ? digits.length - 1 : digits.length;
  return length + Number(exponent) <= 131_072 && Number(exponent) >= -16_383;
}

const NUMBER = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/;

/** Beyond it a power of ten says no more than that it is far beyond what anything holds, and its own digits could be lost. */
const GREATEST_POWER = 1e12;

/** Digits without zeros at either end, and the power of ten. */
function normalised(text: string): string {
  const [, sign = '', whole = '0', fraction = '', exponent = '0'] = NUMBER.exec(text) ?? [];
  const all = whole + fraction;
  let [start, end] = [0, all.length];
  // Not by patterns, which look at a run of zeros once for each of them.
  while (start < end && all[start] === '0') start += 1;
  while (end > start && all[end - 1] === '0') end -= 1;
  if (start === end) return '0';
  const power = Math.min(Math.max(Number(exponent) + whole.length - end, -GREATEST_POWER), GREATEST_POWER);
  return `${sign}${all.slice(start, end)}${power === 0 ? '' : `e${power}`}`;
}
