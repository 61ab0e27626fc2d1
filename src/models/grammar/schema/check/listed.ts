import type { FuncKeywordDefinition } from 'ajv';
import { canonicalJson, type JsonValue } from '../../../json-value.ts';

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
