import { loadQuery } from '../db/load-sql.ts';
import type { Queryable } from '../db/query.ts';

const PROMOTE_REQUESTS = loadQuery('promote_requests');

/** Makes requests ready whose delay is over; how many, at most `limit`. */
export async function promoteRequests(db: Queryable, limit: number): Promise<number> {
  const { rows } = await db.query<{ promoted: string }>(PROMOTE_REQUESTS, [limit]);
  return Number(rows[0]?.promoted ?? 0);
}
