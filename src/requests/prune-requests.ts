import { loadQuery } from '../db/load-sql.ts';
import type { Queryable } from '../db/query.ts';

const PRUNE_REQUESTS = loadQuery('prune_requests');
const PRUNE_WORKERS = loadQuery('prune_workers');

export interface PrunedWindow {
  readonly scanned: number;
  readonly pruned: number;
  /** Requests that may not be deleted, as a row of the user's refers to them or a trigger refuses it: how many, one of them, and why. */
  readonly held: { readonly requests: number; readonly requestId: string; readonly reason: string } | undefined;
  /** The id to go on from; undefined at the end of the table. */
  readonly lastId: string | undefined;
  /** True when all that was scanned was queued less than that long ago. */
  readonly isYoung: boolean;
}

export interface PruneWindow {
  readonly olderThanMs: number;
  /** `'0'` begins at the beginning. */
  readonly afterId: string;
  /** How many requests to scan: what a call costs. */
  readonly limit: number;
}

/** Looks at the requests after an id, and deletes those that ended more than `olderThanMs` ago. */
export async function pruneRequests(db: Queryable, window: PruneWindow): Promise<PrunedWindow> {
  const { rows } = await db.query<{
    scanned: string;
    pruned: string;
    held: string;
    held_request_id: string | null;
    held_reason: string | null;
    last_id: string | null;
    is_young: boolean;
  }>(PRUNE_REQUESTS, [window.olderThanMs, window.afterId, window.limit]);
  const [row] = rows;
  const held = Number(row?.held ?? 0);
  return {
    scanned: Number(row?.scanned ?? 0),
    pruned: Number(row?.pruned ?? 0),
    held:
      held === 0
        ? undefined
        : { requests: held, requestId: row?.held_request_id ?? '', reason: row?.held_reason ?? '' },
    lastId: row?.last_id ?? undefined,
    isYoung: row?.is_young ?? true,
  };
}

/** Deletes the rows of workers that ended more than `olderThanMs` ago; how many. */
export async function pruneWorkers(db: Queryable, olderThanMs: number): Promise<number> {
  const { rows } = await db.query<{ pruned: string }>(PRUNE_WORKERS, [olderThanMs]);
  return Number(rows[0]?.pruned ?? 0);
}
