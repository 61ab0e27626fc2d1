import { eastAsianWidth } from 'get-east-asian-width';
import type { ServerErrorFields } from '../db/task-session/server-error.ts';

/** More of an error is cut off: an EXECUTE that fails brings its text along, of megabytes perhaps. */
const MAX_BYTES = 65_536;
/** Columns of a terminal that libpq gives a line: a longer one is shortened around the error. */
const LINE_COLUMNS = 60;
/** Columns of a shortened line that libpq leaves to the right of the error. */
const COLUMNS_AFTER_ERROR = 10;
/** A shortened line shows none further away from the error than this, as each character takes a column at least. */
const WINDOW = 2 * LINE_COLUMNS;
/** What psql gives no width, libpq counts as one column, like everything that is not wide. */
const ZERO_WIDTH = /[\p{Mn}\p{Me}\p{Cf}]/u;

/**
 * What psql prints for an error of `text`: severity, message, the line with the error and a caret, DETAIL, HINT, QUERY and CONTEXT where
 * there are any, a newline at the end of each. From 64 kB on it is cut, and says how much is missing.
 */
export function renderErrorText(fields: ServerErrorFields, text: string): string {
  const { detail, hint, internalQuery, context } = fields;
  return limit(
    [
      `${fields.localSeverity}:  ${fields.message}\n`,
      renderPosition(fields, text),
      detail === undefined ? '' : `DETAIL:  ${detail}\n`,
      hint === undefined ? '' : `HINT:  ${hint}\n`,
      internalQuery === undefined ? '' : `QUERY:  ${internalQuery}\n`,
      context === undefined ? '' : `CONTEXT:  ${context}\n`,
    ].join(''),
    fields.cutBytes ?? 0,
  );
}

/** A position in the text counts, and only without one a position in a query that a function made. */
function renderPosition(fields: ServerErrorFields, text: string): string {
  if (fields.position !== undefined) return renderLine(text, fields.position);
  const { internalPosition, internalQuery } = fields;
  return internalPosition === undefined || internalQuery === undefined
    ? ''
    : renderLine(internalQuery, internalPosition);
}

/** The algorithm of libpq (`reportErrorPosition`), to the column. Nothing where the position is beyond the text. */
function renderLine(text: string, position: number): string {
  const place = position < 1 ? undefined : findPlace(text, position - 1);
  if (place === undefined) return '';
  const { lineNumber, lineStart, at } = place;
  const before = lastCharacters(text, lineStart, at);
  const after = firstCharacters(text, at);
  const beforeWidths = before.map(columnsOf);
  const afterWidths = after.map(columnsOf);
  const left = sum(beforeWidths);
  let [begin, end] = [0, after.length];
  let width = left + sum(afterWidths);
  if (width > LINE_COLUMNS) {
    const mostAfter = left + COLUMNS_AFTER_ERROR <= LINE_COLUMNS ? LINE_COLUMNS - left : COLUMNS_AFTER_ERROR;
    for (; end > 0 && width - left > mostAfter; end -= 1) width -= afterWidths[end - 1] ?? 0;
    for (; width > LINE_COLUMNS; begin += 1) width -= beforeWidths[begin] ?? 0;
  }
  const prefix = `LINE ${lineNumber}: ${begin > 0 ? '...' : ''}`;
  const line = [...before.slice(begin), ...after.slice(0, end)].join('').replaceAll('\t', ' ');
  const caret = ' '.repeat(prefix.length + sum(beforeWidths.slice(begin)));
  return `${prefix}${line}${end < after.length ? '...' : ''}\n${caret}^\n`;
}

interface Place {
  /** The number of the line, from 1. */
  readonly lineNumber: number;
  /** Where the line begins, in code units. */
  readonly lineStart: number;
  /** Where the error is, in code units. */
  readonly at: number;
}

/** Walks `characters` code points; each CR or LF ends a line, CR LF only one. */
function findPlace(text: string, characters: number): Place | undefined {
  let [lineNumber, lineStart, at] = [1, 0, 0];
  for (let left = characters; left > 0; left -= 1) {
    const code = text.codePointAt(at);
    if (code === undefined) return undefined;
    if (code === 13 || code === 10) {
      if (code === 13 || text.charCodeAt(at - 1) !== 13) lineNumber += 1;
      lineStart = at + 1;
    }
    at += code > 0xffff ? 2 : 1;
  }
  return { lineNumber, lineStart, at };
}

/** The last characters of a part of the text: as many as a shortened line can show, and one more. */
function lastCharacters(text: string, from: number, to: number): string[] {
  // Half a pair at the beginning is dropped with the rest that is too much.
  return [...text.slice(Math.max(from, to - 2 * (WINDOW + 1)), to)].slice(-WINDOW - 1);
}

/** The same up to the end of the line. */
function firstCharacters(text: string, from: number): string[] {
  const [line = ''] = text.slice(from, from + 2 * (WINDOW + 1)).split(/[\r\n]/, 1);
  return [...line].slice(0, WINDOW + 1);
}

function columnsOf(character: string): number {
  if (ZERO_WIDTH.test(character)) return 1;
  return eastAsianWidth(character.codePointAt(0) ?? 0);
}

function sum(widths: readonly number[]): number {
  return widths.reduce((total, width) => total + width, 0);
}

function limit(text: string, cutBytes: number): string {
  const bytes = Buffer.byteLength(text);
  if (bytes <= MAX_BYTES) return text;
  // Decoding what was cut in the middle of a character leaves a mark in its place.
  const kept = Buffer.from(text)
    .toString('utf8', 0, MAX_BYTES)
    .replace(/\uFFFD$/, '');
  return `${kept}... (${bytes - Buffer.byteLength(kept) + cutBytes} more bytes)\n`;
}
