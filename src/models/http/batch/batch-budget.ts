/** What one request may hold. */
export interface RequestBudget {
  readonly maxItems: number;
  /** UTF-8 bytes of all its texts; a single text may be longer. */
  readonly maxBytes: number;
}

/** Full batches that must pass before a larger one is tried again. */
const PASSES_TO_GROW = 64;

/** Cuts calls into requests, and finds out how many items a server takes at once. */
export interface BatchBudget {
  /** The items in order, cut so that each part is within the budget and has at most `limit` of them. */
  cut<Item>(items: readonly Item[], bytesOf: (item: Item) => number, limit?: number): Item[][];
  /** A batch of so many was refused, but not its parts: the server's limit is lower. */
  shrink(refusedItems: number): void;
  /** A batch of so many passed; after many at the present limit it is doubled, up to the first. */
  pass(items: number): void;
}

/** A budget that starts with the given limits and never exceeds them. */
export function createBatchBudget({ maxItems, maxBytes }: RequestBudget): BatchBudget {
  let currentItems = maxItems;
  let passes = 0;
  return {
    cut(items, bytesOf, limit = Number.POSITIVE_INFINITY) {
      const parts: (typeof items)[number][][] = [];
      let part: (typeof items)[number][] = [];
      let bytes = 0;
      const mostItems = Math.min(currentItems, limit);
      for (const item of items) {
        const itemBytes = bytesOf(item);
        if (part.length > 0 && (part.length >= mostItems || bytes + itemBytes > maxBytes)) {
          parts.push(part);
          part = [];
          bytes = 0;
        }
        part.push(item);
        bytes += itemBytes;
      }
      if (part.length > 0) parts.push(part);
      return parts;
    },
    shrink(refusedItems) {
      currentItems = Math.max(1, Math.min(currentItems, Math.ceil(refusedItems / 2)));
      passes = 0;
    },
    pass(items) {
      if (items < currentItems || currentItems === maxItems) return;
      passes += 1;
      if (passes < PASSES_TO_GROW) return;
      currentItems = Math.min(maxItems, currentItems * 2);
      passes = 0;
    },
  };
}
