import { LamplighterError, messageOf } from '../core/errors.ts';
import { showValue } from '../core/show-value.ts';
import { writeJson } from '../models/json/json-text.ts';

/*
 * What callers pass, as parameters of a statement. JavaScript passes anything, whatever the types say: the driver would send an object as
 * its JSON, break on one that has none, and put a replacement character where half of a surrogate pair stands. Null goes to the server,
 * which takes its default or says what is missing.
 */

/**
 * The argument that holds the parts of a request.
 *
 * @throws LamplighterError REQUEST_INVALID when it is no object.
 */
export function toInput<Input extends object>(input: Input, parts: string): Input {
  if (typeof input === 'object' && input !== null) return input;
  throw invalid(`expected an object with ${parts}, got ${showValue(input)}`);
}

/**
 * A text that the database will hold as it is.
 *
 * @throws LamplighterError REQUEST_INVALID
 */
export function toTextValue(name: string, text: unknown): string | null {
  if (text === undefined || text === null) return null;
  if (typeof text !== 'string') throw invalid(`${name}: expected a text, got ${showValue(text)}`);
  if (text.includes('\0'))
    throw invalid(`${name}: expected a text without zero characters, got one at ${text.indexOf('\0')}`);
  if (!text.isWellFormed()) {
    const at = text.search(/\p{Surrogate}/u);
    throw invalid(`${name}: expected a text without halves of surrogate pairs, got one at ${at}`, {
      hint: 'The text was probably cut within an emoji; text.toWellFormed() inserts a replacement character.',
    });
  }
  return text;
}

/**
 * The same for a list; an element that is missing stays null.
 *
 * @throws LamplighterError REQUEST_INVALID
 */
export function toTextValues(name: string, texts: unknown): (string | null)[] | null {
  if (texts === undefined || texts === null) return null;
  if (!Array.isArray(texts)) throw invalid(`${name}: expected a list of texts, got ${showValue(texts)}`);
  // Not map, which leaves out what is missing.
  return Array.from(texts, (text: unknown, at) => toTextValue(`${name}[${at}]`, text));
}

/** A number or true or false; what range it is in, the server checks. */
export function toScalarValue(name: string, type: 'number' | 'boolean', value: unknown): unknown {
  if (value === undefined || value === null) return null;
  if (typeof value !== type) throw invalid(`${name}: expected a ${type}, got ${showValue(value)}`);
  return value;
}

/**
 * A JSON Schema as JSON; a bigint is a number of all its digits.
 *
 * @throws LamplighterError REQUEST_INVALID
 */
export function toSchemaValue(schema: unknown): string | null {
  try {
    return writeJson(schema) ?? null;
  } catch (error) {
    throw invalid(`expected a schema that is JSON: ${messageOf(error).slice(0, 500)}`, { cause: error });
  }
}

function invalid(
  message: string,
  options: { readonly cause?: unknown; readonly hint?: string } = {},
): LamplighterError {
  return new LamplighterError('REQUEST_INVALID', message, options);
}
