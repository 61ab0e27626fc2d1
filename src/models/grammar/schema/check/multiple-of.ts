import type { FuncKeywordDefinition } from 'ajv';
import { type Decimal, decimalOf, isMultiple } from '../number/decimal.ts';

/** `multipleOf` in decimal arithmetic: 4.35 is a multiple of 0.01, which floating point denies. */
export const MULTIPLE_OF: FuncKeywordDefinition = {
  keyword: 'multipleOf',
  type: 'number',
  schemaType: 'number',
  errors: false,
  compile(step: number) {
    const exact: Decimal = decimalOf(step);
    return (value: number) => Number.isFinite(value) && isMultiple(decimalOf(value), exact);
  },
};
