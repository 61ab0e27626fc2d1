/**
 * The key columns that `pk` names: separated by commas, each as it is or, where it holds commas, quotes or spaces at its ends, quoted like
 * an identifier. Undefined where nothing is named.
 */
export function parsePk(
  text: string | undefined,
): { readonly columns: readonly string[] } | { readonly problem: string } | undefined {
  if (text === undefined || text.trim() === '') return undefined;
  const part = /\s*(?:"((?:[^"]|"")+)"|([^",]+?))\s*(,|$)/gy;
  const columns: string[] = [];
  for (let isLast = false; !isLast; ) {
    const match = part.exec(text);
    if (match === null) return { problem: 'pk must be the names of columns, separated by commas' };
    columns.push(match[1]?.replaceAll('""', '"') ?? match[2] ?? '');
    isLast = match[3] === '';
  }
  if (new Set(columns).size < columns.length) return { problem: 'pk names a column twice' };
  return { columns };
}
