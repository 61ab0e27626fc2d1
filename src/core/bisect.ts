/** What came of items that were dealt with together: what it gave, or a fault that may be in any one of them. */
export type Together<Result> = { readonly results: readonly Result[] } | { readonly fault: unknown };

/**
 * Processes items together, and after a fault by halves, until the faulty item is alone: n items with one fault take about 2 log2 n more
 * tries. One half after the other; gives all results in the order of the items.
 *
 * @param together - must change nothing when it reports a fault; an error that it throws ends the whole.
 * @param alone - processes a single faulty item.
 */
export async function bisect<Item, Result>(
  items: readonly Item[],
  together: (items: readonly Item[]) => Promise<Together<Result>>,
  alone: (item: Item, fault: unknown) => Promise<readonly Result[]>,
): Promise<Result[]> {
  const outcome = await together(items);
  if ('results' in outcome) return [...outcome.results];
  const [only] = items;
  if (only === undefined || items.length === 1)
    return only === undefined ? [] : [...(await alone(only, outcome.fault))];
  const middle = Math.ceil(items.length / 2);
  const first = await bisect(items.slice(0, middle), together, alone);
  return [...first, ...(await bisect(items.slice(middle), together, alone))];
}
