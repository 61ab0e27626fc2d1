import { LamplighterError } from '../core/errors.ts';
import { isWhole, wholeOf } from '../models/json/decimal.ts';
import {
  decimalOf,
  EXACT_NUMBER,
  type ExactNumber,
  isExactNumber,
  isInRangeOfJsonb,
} from '../models/json/json-number.ts';
import { parseJson as parseExactly } from '../models/json/json-text.ts';
import type { JsonValue } from '../models/json-value.ts';

/** A document and how well it answers the query, from 0 to 1. */
export interface RankedDocument {
  readonly document: string;
  readonly score: number;
}

/**
 * The result of a completed request as its function gives it: a `Float32Array` (embed), ranked documents, best first (rerank), the parsed
 * JSON (generate_json), else the text. The values of a vector are exactly those of the model. Whole numbers of the JSON that no number
 * of JavaScript is are bigints; other numbers are the nearest.
 *
 * @throws LamplighterError REQUEST_FAILED when the text is none of what the function gives, as somebody has changed it.
 */
export function parseResult(functionName: string, text: string | null): unknown {
  if (text === null) throw malformed(functionName);
  switch (functionName) {
    case 'embed':
      return toVector(parseJson(functionName, text));
    case 'rerank':
      return toRanking(parseJson(functionName, text));
    case 'generate_json':
      return toJavaScript(functionName, text);
    default:
      return text;
  }
}

function parseJson(functionName: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw malformed(functionName, error);
  }
}

function toJavaScript(functionName: string, text: string): unknown {
  const inJavaScript = (value: JsonValue): unknown => {
    if (typeof value !== 'object' || value === null) return value;
    if (isExactNumber(value)) return toBigint(value) ?? Number(value[EXACT_NUMBER]);
    if (Array.isArray(value)) return value.map(inJavaScript);
    return Object.fromEntries(Object.entries(value).map(([name, child]) => [name, inJavaScript(child)]));
  };
  try {
    return inJavaScript(parseExactly(text));
  } catch (error) {
    throw malformed(functionName, error);
  }
}

/** Undefined for a number that is not whole, and for one that only somebody else can have written. */
function toBigint(value: ExactNumber): bigint | undefined {
  if (!isInRangeOfJsonb(value)) return undefined;
  const exact = decimalOf(value);
  return isWhole(exact) ? wholeOf(exact) : undefined;
}

function toVector(value: unknown): Float32Array {
  if (!Array.isArray(value) || !value.every((item): item is number => typeof item === 'number'))
    throw malformed('embed');
  return Float32Array.from(value);
}

function toRanking(value: unknown): RankedDocument[] {
  if (!Array.isArray(value)) throw malformed('rerank');
  return value.map((item: unknown) => {
    const [document, score]: unknown[] = Array.isArray(item) ? item : [];
    if (typeof document !== 'string' || typeof score !== 'number') throw malformed('rerank');
    return { document, score };
  });
}

function malformed(functionName: string, cause?: unknown): LamplighterError {
  return new LamplighterError('REQUEST_FAILED', `expected a result of ${functionName}, got something else in its row`, {
    cause,
  });
}
