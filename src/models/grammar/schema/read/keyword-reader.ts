import { type Decimal, isWhole, lengthOf, signOf } from '../../../json/decimal.ts';
import { decimalOf, isExactNumber, isJsonNumber, type JsonNumber } from '../../../json/json-number.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../../../json-value.ts';
import { GrammarTooLarge, Refused } from '../../output-grammar.ts';

/** Most items, characters or properties that a schema may ask for at least: a model writes 4,096 tokens at most. */
const MOST_LEAST = 10_000;

/** Most digits of a number that a schema may hold what is valid to; doubles have 400 at most. */
const MOST_DIGITS = 1_000;

/** The keywords of one schema, each read once as what it must be; undefined when absent. All throw Refused for another value. */
export interface KeywordReader {
  readonly pointer: string;
  value(keyword: string): JsonValue | undefined;
  number(keyword: string): Decimal | undefined;
  /** A whole number, zero or more; what is beyond counting comes as the greatest that can be counted to. */
  count(keyword: string): number | undefined;
  /** The same, no more than the engine could be held to. */
  least(keyword: string): number | undefined;
  text(keyword: string): string | undefined;
  boolean(keyword: string): boolean | undefined;
  list(keyword: string): readonly JsonValue[] | undefined;
  texts(keyword: string): readonly string[] | undefined;
  object(keyword: string): JsonObject | undefined;
}

/** A reader of the keywords of the schema at `pointer`. */
export function createKeywordReader(schema: JsonObject, pointer: string): KeywordReader {
  const read = <Value extends JsonValue>(
    keyword: string,
    expected: string,
    isExpected: (value: JsonValue) => value is Value,
  ): Value | undefined => {
    const value = Object.hasOwn(schema, keyword) ? schema[keyword] : undefined;
    if (value === undefined || isExpected(value)) return value;
    throw new Refused(`Schema keyword "${keyword}" ${at(pointer)} must be ${expected}`);
  };
  const count = (keyword: string): number | undefined => {
    const value = read(keyword, 'a non-negative integer', isCount);
    return isExactNumber(value) ? Number.MAX_SAFE_INTEGER : value;
  };
  return {
    pointer,
    value: (keyword) => read(keyword, 'a value', (value): value is JsonValue => value !== undefined),
    number(keyword) {
      const value = read(keyword, 'a number', isJsonNumber);
      return value === undefined ? undefined : boundedNumber(value, keyword, pointer);
    },
    count,
    least(keyword) {
      const value = count(keyword);
      if (value === undefined || value <= MOST_LEAST) return value;
      throw new GrammarTooLarge(`Schema keyword "${keyword}" ${at(pointer)} must be at most ${MOST_LEAST}`);
    },
    text: (keyword) => read(keyword, 'a text', isText),
    boolean: (keyword) => read(keyword, 'true or false', isBoolean),
    list: (keyword) => read(keyword, 'an array', isList),
    texts: (keyword) => read(keyword, 'an array of texts', isTexts),
    object: (keyword) => read(keyword, 'an object', isJsonObject),
  };
}

/**
 * The value of a number that says what is valid.
 *
 * @throws Refused for one that is too long to be followed
 */
export function boundedNumber(value: JsonNumber, keyword: string, pointer: string): Decimal {
  const exact = decimalOf(value);
  if (lengthOf(exact) <= MOST_DIGITS) return exact;
  throw new Refused(`Schema keyword "${keyword}" ${at(pointer)} has a number of more than ${MOST_DIGITS} digits`);
}

/** Where a schema is, as the end of a message. */
export function at(pointer: string): string {
  return pointer === '' ? 'at the root' : `at ${pointer}`;
}

/** The pointer one step further. */
export function pointerTo(pointer: string, ...steps: readonly (string | number)[]): string {
  return steps.reduce<string>(
    (path, step) => `${path}/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`,
    pointer,
  );
}

/** True for arrays; `Array.isArray` does not narrow readonly ones. */
export function isList(value: JsonValue | undefined): value is readonly JsonValue[] {
  return Array.isArray(value);
}

function isCount(value: JsonValue): value is JsonNumber {
  if (!isJsonNumber(value)) return false;
  const exact = decimalOf(value);
  return isWhole(exact) && signOf(exact) >= 0;
}

function isText(value: JsonValue): value is string {
  return typeof value === 'string';
}

function isBoolean(value: JsonValue): value is boolean {
  return typeof value === 'boolean';
}

function isTexts(value: JsonValue): value is readonly string[] {
  return isList(value) && value.every(isText);
}
