import type { JsonValue } from '../json-value.ts';
import { isExactNumber, isInRangeOfJsonb } from './json-number.ts';

/** Half of a surrogate pair: with the `u` flag, a pair is one character. */
const LONE_SURROGATE = /[\ud800-\udfff]/u;

/** What of a JSON value `jsonb` cannot hold, as the end of a sentence; undefined when it can hold it. */
export function jsonbProblem(value: JsonValue): 'a character' | 'a number' | undefined {
  if (typeof value === 'string') return isStorable(value) ? undefined : 'a character';
  if (typeof value !== 'object' || value === null) return undefined;
  if (isExactNumber(value)) return isInRangeOfJsonb(value) ? undefined : 'a number';
  for (const [name, child] of Object.entries(value)) {
    const problem = isStorable(name) ? jsonbProblem(child) : 'a character';
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function isStorable(text: string): boolean {
  return !text.includes('\0') && !LONE_SURROGATE.test(text);
}
