/** What a page shows of a result: the names of the columns, then the rows, each cell as psql prints it. */
export type ShownCells = string[][];

const RECORD = /^-\[ RECORD \d+ \]/;

/** Reads what psql prints, aligned or expanded (`\x`). Empty lines, rules and counts of rows are no part of it. */
export function readPsqlOutput(text: string): ShownCells {
  const lines = text.split('\n').filter((line) => RECORD.test(line) || !/^[-+\s]*$|^\(\d+ rows?\)$/.test(line));
  if (!RECORD.test(lines[0] ?? '')) return lines.map((line) => line.split(' |').map((cell) => cell.trim()));
  const records: [name: string, value: string][][] = [];
  for (const line of lines) {
    if (RECORD.test(line)) records.push([]);
    else {
      const [name = '', ...value] = line.split('|');
      records.at(-1)?.push([name.trim(), value.join('|').trim()]);
    }
  }
  return [(records[0] ?? []).map(([name]) => name), ...records.map((record) => record.map(([, value]) => value))];
}

/** What is another at each call. */
const CHANGING: readonly (readonly [pattern: RegExp, name: string])[] = [
  [/\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g, '<uuid>'],
  [/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?(?:[+-]\d\d(?::\d\d)?)?/g, '<time>'],
  [/(?<![\d:])\d\d:\d\d:\d\d(?:\.\d+)?(?![\d:])/g, '<interval>'],
];

function mask(cell: string): string {
  return CHANGING.reduce((text, [pattern, name]) => text.replace(pattern, name), cell);
}

/** Ids, times and intervals count as equal; `..` in what is shown stands for any text. */
function isShownAs(cell: string, shown: string): boolean {
  const parts = mask(shown)
    .split('..')
    .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('[\\s\\S]*')}$`).test(mask(cell));
}

/** Columns of numbers and names that are the machine's. */
const CHANGING_COLUMNS: ReadonlySet<string | undefined> = new Set(['hostname', 'pid', 'processed', 'version']);

/** `found`, with each cell that the page shows rightly spelled as there: equal to `shown` where the page is true. */
export function asShown(found: ShownCells, shown: ShownCells): ShownCells {
  return found.map((row, y) =>
    row.map((cell, x) => {
      const expected = shown[y]?.[x];
      return expected !== undefined && (CHANGING_COLUMNS.has(shown[0]?.[x]) || isShownAs(cell, expected))
        ? expected
        : cell;
    }),
  );
}
