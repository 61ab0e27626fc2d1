/**
 * The entries of an answer in the order of the question, by their `index`; in the order given when none has one. Undefined
 * when they are not exactly one for each of `count`.
 */
export function putInOrder(entries: unknown, count: number): Record<string, unknown>[] | undefined {
  if (!Array.isArray(entries) || entries.length !== count) return undefined;
  const ordered: Record<string, unknown>[] = new Array(count);
  let indexed = 0;
  for (const [position, entry] of entries.entries()) {
    if (typeof entry !== 'object' || entry === null) return undefined;
    const { index } = entry as Record<string, unknown>; // an object of unknown members
    if (index !== undefined) indexed += 1;
    const place = index ?? position;
    if (typeof place !== 'number' || !Number.isInteger(place) || place < 0 || place >= count) return undefined;
    if (ordered[place] !== undefined) return undefined;
    ordered[place] = entry as Record<string, unknown>; // checked above
  }
  return indexed === 0 || indexed === count ? ordered : undefined;
}
