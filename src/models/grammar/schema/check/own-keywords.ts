import { type FuncKeywordDefinition, str } from 'ajv';
import { compareDecimals, type Decimal, isMultiple } from '../../../json/decimal.ts';
import { decimalOf, toJsonNumber } from '../../../json/json-number.ts';
import { canonicalJson, type JsonValue } from '../../../json-value.ts';
import type { StandIns } from './stand-ins.ts';

/**
 * The keywords that weigh numbers, in decimal arithmetic: 4.35 is a multiple of 0.01, and 2^53 + 1 is greater than 2^53, both of which
 * floating point denies. Their values in a checked schema are texts.
 */
export function numberKeywords(standIns: StandIns): readonly FuncKeywordDefinition[] {
  const exactly = (data: number): Decimal => standIns.exactly(data) ?? decimalOf(data);

  const bound = (keyword: string, sign: string, isWithin: (order: number) => boolean): FuncKeywordDefinition => ({
    keyword,
    type: 'number',
    schemaType: 'string',
    errors: false,
    error: { message: ({ schema }) => str`must be ${sign} ${schema}` },
    compile(text: string) {
      const limit = toJsonNumber(text);
      const exact = decimalOf(limit);
      return (data: number) =>
        // Doubles are in the order of their shortest texts.
        typeof limit === 'number' && standIns.exactly(data) === undefined
          ? isWithin(data - limit)
          : isWithin(compareDecimals(exactly(data), exact));
    },
  });

  return [
    bound('minimum', '>=', (order) => order >= 0),
    bound('maximum', '<=', (order) => order <= 0),
    bound('exclusiveMinimum', '>', (order) => order > 0),
    bound('exclusiveMaximum', '<', (order) => order < 0),
    {
      keyword: 'multipleOf',
      type: 'number',
      schemaType: 'string',
      errors: false,
      error: { message: ({ schema }) => str`must be a multiple of ${schema}` },
      compile(text: string) {
        const step = decimalOf(toJsonNumber(text));
        return (data: number) => isMultiple(exactly(data), step);
      },
    },
  ];
}

/** `enum` in time that does not grow with the list: the package's own compares one value after the other. */
export const LISTED: FuncKeywordDefinition = {
  keyword: 'enum',
  schemaType: 'array',
  errors: false,
  error: { message: 'must be equal to one of the allowed values' },
  compile(values: readonly JsonValue[]) {
    const texts = new Set(values.map(canonicalJson));
    return (value: JsonValue) => texts.has(canonicalJson(value));
  },
};
