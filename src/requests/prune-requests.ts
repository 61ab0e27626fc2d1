import { loadQuery } from '../db/load-sql.ts';
import type { Queryable } from '../db/query.ts';

const PRUNE_REQUESTS = loadQuery('prune_requests');
const PRUNE_CACHED_RESULTS = loadQuery('prune_cached_results');
const PRUNE_WORKERS = loadQuery('prune_workers');

/** Deletes up to `limit` requests that ended more than `olderThanMs` ago; how many. */
export async function pruneRequests(db: Queryable, olderThanMs: number, limit: number): Promise<number> {
  const { rows } = await db.query<{ pruned: string }>(PRUNE_REQUESTS, [olderThanMs, limit]);
  return Number(rows[0]?.pruned ?? 0);
}

/** Forgets cached answers whose request is gone, looking at `limit` keys after `afterKey`; undefined when the end was reached. */
export async function pruneCachedResults(db: Queryable, afterKey: Buffer, limit: number): Promise<Buffer | undefined> {
  const { rows } = await db.query<{ last_key: Buffer | null }>(PRUNE_CACHED_RESULTS, [afterKey, limit]);
  return rows[0]?.last_key ?? undefined;
}

/** Deletes the rows of workers that ended more than `olderThanMs` ago; how many. */
export async function pruneWorkers(db: Queryable, olderThanMs: number): Promise<number> {
  const { rows } = await db.query<{ pruned: string }>(PRUNE_WORKERS, [olderThanMs]);
  return Number(rows[0]?.pruned ?? 0);
}
