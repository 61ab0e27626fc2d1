import type { JsonValue } from '../json-value.ts';
import { decimalOf, EXACT_NUMBER, numberText, toJsonNumber } from './json-number.ts';

/** Texts without this have no number that a double might not hold: it takes 16 digits, or an exponent. */
const MAYBE_INEXACT = /[\d.]{16}|\d[eE]/;

const NUMBER = /-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/** Doubles hold 15 digits with any small exponent. */
const SURELY_HELD = /^-?[\d.]{1,15}(?:[eE][+-]?\d{1,2})?$/;

/** An exact number as `JSON.stringify` writes it. Within a string its quotes would be escaped. */
const WRITTEN_NUMBER = /\{"\\u0000number":"(-?\d+(?:e-?\d+)?)"\}/g;

/** A name of {@link heldInPlace} as `JSON.stringify` writes it. */
const WRITTEN_NAME = /"\\u0000(\d+)":/g;

/**
 * The value of a JSON text with every number as it stands there, see `JsonNumber`.
 *
 * Numbers that no double holds are put into another form in the text, and the parser of the platform reads that: as fast as without
 * them, and nested as deeply as may be. Parsers of JSON in JavaScript took 70 times as long for 4 MB.
 *
 * @throws SyntaxError also for a member that is named as such a number is held: nothing but this function makes one.
 */
export function parseJson(text: string): JsonValue {
  const value: unknown = JSON.parse(text);
  if (MAYBE_HELD_NAME.test(text)) refuseHeldNames(value);
  return (MAYBE_INEXACT.test(text) ? JSON.parse(withMarkedNumbers(text)) : value) as JsonValue; // it was JSON
}

/**
 * The value as JSON on one line, every number with the digits it has, a bigint too; undefined for what is no value of JSON.
 *
 * @throws TypeError for a value that goes in circles
 */
export function writeJson(value: JsonValue): string;
export function writeJson(value: unknown): string | undefined;
export function writeJson(value: unknown): string | undefined {
  const text: string | undefined = JSON.stringify(value, toWritable);
  if (text === undefined) return undefined;
  if (!text.includes(ZERO_CHARACTER)) return text;
  return text
    .replaceAll(WRITTEN_NUMBER, (_, exact: string) => numberText(decimalOf({ [EXACT_NUMBER]: exact })))
    .replaceAll(WRITTEN_NAME, '"$1":');
}

/** A name under which a member keeps its place: JavaScript puts names that are numbers first. {@link writeJson} writes the name itself. */
export function heldInPlace(name: string): string {
  return /^\d+$/.test(name) ? `\0${name}` : name;
}

/** The zero character is escaped in JSON; the rest of the name may be. */
const MAYBE_HELD_NAME = /\\u0000/;

/** Refuses names that are held for internal use. It does not recurse: texts may be nested more deeply than the stack is. */
function refuseHeldNames(value: unknown): void {
  const open = [value];
  while (open.length > 0) {
    const next = open.pop();
    if (typeof next !== 'object' || next === null) continue;
    if (Object.hasOwn(next, EXACT_NUMBER))
      throw new SyntaxError('JSON has a name with a character that jsonb cannot hold');
    for (const child of Object.values(next)) open.push(child);
  }
}

function toWritable(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? toJsonNumber(String(value)) : value;
}

/** The beginning of each string that is to be replaced: a text without it is finished. */
const ZERO_CHARACTER = '"\\u0000';

/** The text must be JSON. */
function withMarkedNumbers(text: string): string {
  const parts: string[] = [];
  for (let at = 0; at < text.length; ) {
    const quote = text.indexOf('"', at);
    parts.push(text.slice(at, quote === -1 ? text.length : quote).replaceAll(NUMBER, marked));
    if (quote === -1) break;
    at = endOfString(text, quote);
    parts.push(text.slice(quote, at));
  }
  return parts.join('');
}

function marked(number: string): string {
  if (SURELY_HELD.test(number)) return number;
  const value = toJsonNumber(number);
  return typeof value === 'number' ? number : JSON.stringify(value);
}

/** Where the string that begins at a quote has ended. */
function endOfString(text: string, quote: number): number {
  for (let end = quote + 1; ; end += 1) {
    end = text.indexOf('"', end);
    let slashes = 0;
    while (text[end - slashes - 1] === '\\') slashes += 1;
    if (slashes % 2 === 0) return end + 1;
  }
}
