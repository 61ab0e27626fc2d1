import { loadQuery } from '../db/load-sql.ts';
import type { Queryable } from '../db/query.ts';

const LOOKUP_CACHED_RESULTS = loadQuery('lookup_cached_results');
const PRUNE_CACHED_RESULTS = loadQuery('prune_cached_results');

/** Results of completed requests by the hexadecimal form of their cache key; keys without one are missing. */
export async function lookupCachedResults(db: Queryable, keys: readonly Buffer[]): Promise<Map<string, string>> {
  const { rows } = await db.query<{ cache_key: Buffer; result: string }>(LOOKUP_CACHED_RESULTS, [keys]);
  return new Map(rows.map(({ cache_key: key, result }) => [key.toString('hex'), result]));
}

/** Forgets cached answers whose request is gone, looking at `limit` keys after `afterKey`; undefined when the end was reached. */
export async function pruneCachedResults(db: Queryable, afterKey: Buffer, limit: number): Promise<Buffer | undefined> {
  const { rows } = await db.query<{ last_key: Buffer | null }>(PRUNE_CACHED_RESULTS, [afterKey, limit]);
  return rows[0]?.last_key ?? undefined;
}
