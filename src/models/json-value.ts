import { EXACT_NUMBER, isExactNumber } from './json/json-number.ts';

/**
 * A JSON document. A number that no double is comes as an object of one member, which `parseJson` makes and `writeJson` writes as the
 * number; `JSON.stringify` would write the object.
 */
export type JsonValue = string | number | boolean | null | readonly JsonValue[] | { readonly [key: string]: JsonValue };

/** A JSON Schema document: an object, or `true` (anything) or `false` (nothing). */
export type JsonSchema = boolean | { readonly [key: string]: JsonValue };

/** An object of JSON: not an array, and not a number that is held as an object. */
export type JsonObject = { readonly [key: string]: JsonValue };

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !isExactNumber(value);
}

/** Nesting beyond which {@link isNestedWithin} says no; deeper values would exhaust the stack of code that recurses. */
export const MAX_JSON_DEPTH = 128;

/** True for values nested at most {@link MAX_JSON_DEPTH} deep; never overflows the stack. */
export function isNestedWithin(value: unknown, depth: number = MAX_JSON_DEPTH): boolean {
  if (typeof value !== 'object' || value === null || isExactNumber(value)) return true;
  return depth > 0 && Object.values(value).every((child) => isNestedWithin(child, depth - 1));
}

/** The same text for equal values whatever the order of their keys and the spelling of their numbers: keys sorted by code unit, no white space. */
export function canonicalJson(value: JsonValue): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (isExactNumber(value)) return value[EXACT_NUMBER];
  if (isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  const members = Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, child]) => `${JSON.stringify(key)}:${canonicalJson(child)}`);
  return `{${members.join(',')}}`;
}

/** `Array.isArray` does not narrow readonly arrays. */
function isArray(value: object): value is readonly JsonValue[] {
  return Array.isArray(value);
}
