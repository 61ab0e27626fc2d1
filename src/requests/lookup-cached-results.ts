import { loadQuery } from '../db/load-sql.ts';
import type { Queryable } from '../db/query.ts';

const LOOKUP_CACHED_RESULTS = loadQuery('lookup_cached_results');

/** Results of completed requests by the hexadecimal form of their cache key; keys without one are missing. */
export async function lookupCachedResults(db: Queryable, keys: readonly Buffer[]): Promise<Map<string, string>> {
  const { rows } = await db.query<{ cache_key: Buffer; result: string }>(LOOKUP_CACHED_RESULTS, [keys]);
  return new Map(rows.map(({ cache_key: key, result }) => [key.toString('hex'), result]));
}
