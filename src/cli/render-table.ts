import { toPrintable } from '../core/printable.ts';
import type { Terminal } from './terminal.ts';

export interface TableOptions {
  /** Longest line, but for words that are longer by themselves. @default unlimited */
  readonly width?: number;
  /** Put before each line. @default '' */
  readonly indent?: string;
}

const GAP = '  ';
/** What the last column needs at least for its text to be wrapped there. */
const LEAST_TEXT = 24;

/**
 * The lines of a table, of printable characters only: header, then rows, columns aligned; columns that hold nothing but numbers and durations are
 * set to the right. Nothing is cut. Where the width is too small, columns that hold nothing but zeros and dashes are left out; then the last
 * column is wrapped; then each row becomes a list of its values.
 */
export function renderTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  { width = Number.POSITIVE_INFINITY, indent = '' }: TableOptions = {},
): string[] {
  const all = createTable(
    header,
    rows.map((row) => header.map((_, column) => oneLine(toPrintable(row[column] ?? '')))),
    indent,
  );
  if (all.width() <= width || rows.length === 0) return all.aligned();
  const full = all.withoutEmpty();
  if (full.width() <= width) return full.aligned();
  return width - full.widthBeforeLast() >= LEAST_TEXT && full.isTextLast() ? full.wrapped(width) : full.listed(width);
}

function createTable(header: readonly string[], rows: readonly (readonly string[])[], indent: string) {
  const columns = header.map((title, column) => ({ title, cells: rows.map((row) => row[column] ?? '') }));
  const widths = columns.map(({ title, cells }) => Math.max(...[title, ...cells].map(lengthOf)));
  const isRight = columns.map(({ cells }) => rows.length > 0 && cells.every(isFigure));
  const widthOf = (count: number) =>
    indent.length + widths.slice(0, count).reduce((sum, each) => sum + each + GAP.length, 0);
  const lineOf = (cells: readonly string[]) =>
    `${indent}${cells.map((cell, at) => pad(cell, widths[at] ?? 0, isRight[at] ?? false)).join(GAP)}`.trimEnd();

  return {
    width: () => widthOf(columns.length) - GAP.length,
    widthBeforeLast: () => widthOf(columns.length - 1),
    isTextLast: () => isRight.at(-1) === false,
    aligned: () => [header, ...rows].map(lineOf),
    withoutEmpty() {
      const kept = header.flatMap((_, at) => (at > 0 && columns[at]?.cells.every(isEmpty) === true ? [] : [at]));
      const pick = (cells: readonly string[]) => kept.map((at) => cells[at] ?? '');
      return createTable(pick(header), rows.map(pick), indent);
    },
    wrapped(width: number) {
      const before = widthOf(columns.length - 1);
      return [header, ...rows].flatMap((cells) => {
        const [first = '', ...rest] = wrap(cells.at(-1) ?? '', width - before);
        return [lineOf([...cells.slice(0, -1), first]), ...rest.map((text) => `${' '.repeat(before)}${text}`)];
      });
    },
    listed(width: number) {
      const values = (cells: readonly string[]) =>
        cells
          .slice(1)
          .map((cell, at) => `${header[at + 1] ?? ''} ${cell}`)
          .join(', ');
      const inner = `${indent}${GAP}`;
      return [
        `${indent}${header[0] ?? ''}`,
        ...rows.flatMap((cells) => [
          `${indent}${cells[0] ?? ''}`,
          ...(cells.length < 2 ? [] : wrap(values(cells), width - inner.length).map((line) => `${inner}${line}`)),
        ]),
      ];
    },
  };
}

/** Prints a table, as wide as the screen is; a file or pipe gets whole lines. */
export function printTable(
  terminal: Pick<Terminal, 'columns' | 'isScreen' | 'print' | 'style'>,
  header: readonly string[],
  rows: readonly (readonly string[])[],
  indent = '',
): void {
  const width = terminal.isScreen ? terminal.columns : Number.POSITIVE_INFINITY;
  const [title = '', ...lines] = renderTable(header, rows, { indent, width });
  terminal.print([terminal.style.dim(title), ...lines].join('\n'));
}

/** The text on one line, cut to a number of characters. */
export function cut(text: string, width: number): string {
  const characters = [...oneLine(text)];
  return characters.length <= width ? characters.join('') : `${characters.slice(0, Math.max(0, width - 1)).join('')}…`;
}

function oneLine(text: string): string {
  return text.replaceAll(/\s*\n\s*/g, ' ');
}

function isEmpty(text: string): boolean {
  return text === '' || text === '-' || text === '0';
}

function isFigure(text: string): boolean {
  return /^(-|[-+]?[\d.,]+( ?[a-z]{1,3}| %)?)?$/.test(text);
}

function pad(text: string, width: number, toRight: boolean): string {
  const padding = ' '.repeat(Math.max(0, width - lengthOf(text)));
  return toRight ? padding + text : text + padding;
}

/** Characters, not UTF-16 units. */
function lengthOf(text: string): number {
  return [...text].length;
}

/** The text in lines of at most `width` characters, broken at spaces. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && lengthOf(line) + 1 + lengthOf(word) > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
