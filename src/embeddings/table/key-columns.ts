/**
 * The names in the text of a `pk` column: separated by commas, in double quotes where an identifier would be, else as they stand (not
 * folded to lower case: existing job rows name columns exactly). Undefined for an empty name or a quote that is not closed.
 */
export function parseKeyColumns(text: string): readonly string[] | undefined {
  const part = /\s*(?:"((?:[^"]|"")+)"|([^",]+?))\s*(,|$)/y;
  const names: string[] = [];
  for (;;) {
    const match = part.exec(text);
    if (match === null) return undefined;
    names.push(match[1]?.replaceAll('""', '"') ?? match[2] ?? '');
    if (match[3] === '') return names;
  }
}
