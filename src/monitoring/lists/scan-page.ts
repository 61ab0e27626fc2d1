import { type Clock, systemClock } from '../../core/clock.ts';

/** Most rows that one statement of a scan looks at; with those that find its end it reads twice as many. */
export const SCAN_ROWS = 20_000;
/** Above every id. */
const TOP = '9223372036854775807';
/** How long a page looks for rows before it gives what it has found. */
const BUDGET_MS = 700;

/** What one statement has found: ids, newest first, and below which id to go on; undefined at the end. */
export interface Scanned {
  readonly ids: readonly string[];
  readonly nextBefore: string | undefined;
}

/** Looks at up to {@link SCAN_ROWS} rows below `before`, for up to `limit` that match. */
export type Scan = (before: string, limit: number) => Promise<Scanned>;

/** A count that is never read beyond a bound: `count` exactly, or at least that. */
export interface BoundedCount {
  readonly count: number;
  readonly isExact: boolean;
  readonly ageMs: number;
}

/** The ids of one page. */
export interface ScannedPage {
  readonly ids: readonly string[];
  /** Where the next page begins; undefined on the last one. */
  readonly next?: string;
  /** The search took too long before the page was full: it goes on at `next`. */
  readonly isPartial: boolean;
  readonly total: BoundedCount;
}

/**
 * Fills one page from as many statements as fit into 0.7 s, each of which costs the same whatever the table's size. A filter that few rows of
 * a large table match gives pages that are not full.
 *
 * @param cursor `next` of the page before. @default the newest
 */
export async function scanPage(
  scan: Scan,
  {
    cursor,
    limit,
    clock = systemClock,
  }: { readonly cursor: string | undefined; readonly limit: number; readonly clock?: Clock },
): Promise<ScannedPage> {
  const startedMs = clock.nowMs();
  const ids: string[] = [];
  let before: string | undefined = cursor ?? TOP;
  do {
    const found: Scanned = await scan(before, limit + 1 - ids.length);
    ids.push(...found.ids);
    before = found.nextBefore;
  } while (ids.length <= limit && before !== undefined && clock.nowMs() - startedMs < BUDGET_MS);
  const isFull = ids.length > limit;
  const next = isFull ? ids[limit - 1] : before;
  const total =
    cursor === undefined && next === undefined
      ? { count: ids.length, isExact: true, ageMs: 0 }
      : await countMatches(scan, isFull ? 0 : ids.length);
  return {
    ids: ids.slice(0, limit),
    ...(next === undefined ? {} : { next }),
    isPartial: !isFull && next !== undefined,
    total,
  };
}

/** How many match, of the newest {@link SCAN_ROWS} rows. */
async function countMatches(scan: Scan, atLeast: number): Promise<BoundedCount> {
  const { ids, nextBefore } = await scan(TOP, SCAN_ROWS);
  return { count: Math.max(ids.length, atLeast), isExact: nextBefore === undefined, ageMs: 0 };
}

/** Gives all that match, in pieces, newest first. */
export async function* scanAll(scan: Scan, signal: AbortSignal): AsyncGenerator<readonly string[]> {
  let before: string | undefined = TOP;
  while (before !== undefined && !signal.aborted) {
    const found: Scanned = await scan(before, SCAN_ROWS);
    yield found.ids;
    before = found.nextBefore;
  }
}
