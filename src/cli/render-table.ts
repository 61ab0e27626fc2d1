import { toPrintable } from '../core/printable.ts';

export interface TableOptions {
  /** Longest line; the last column is cut to fit. @default unlimited */
  readonly width?: number;
  /** Put before each line. @default '' */
  readonly indent?: string;
}

const GAP = '  ';

/** The lines of a table, of printable characters only: header, then rows, columns aligned; columns that hold nothing but numbers and durations are set to the right. */
export function renderTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  { width = Number.POSITIVE_INFINITY, indent = '' }: TableOptions = {},
): string[] {
  const printed = rows.map((row) => header.map((_, column) => toPrintable(row[column] ?? '')));
  const widths = header.map((title, column) =>
    Math.max(...[title, ...printed.map((row) => row[column] ?? '')].map(lengthOf)),
  );
  const isRight = header.map((_, column) => rows.length > 0 && printed.every((row) => isFigure(row[column] ?? '')));
  return [header, ...printed].map((row) => {
    const cells = header.map((_, column) => pad(row[column] ?? '', widths[column] ?? 0, isRight[column] ?? false));
    return cut(`${indent}${cells.join(GAP)}`.trimEnd(), width);
  });
}

/** The text on one line, cut to a number of characters. */
export function cut(text: string, width: number): string {
  const characters = [...text.replaceAll(/\s*\n\s*/g, ' ')];
  return characters.length <= width ? characters.join('') : `${characters.slice(0, Math.max(0, width - 1)).join('')}…`;
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
