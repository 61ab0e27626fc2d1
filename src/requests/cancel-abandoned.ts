import { loadQuery } from '../db/load-sql.ts';
import type { Queryable } from '../db/query.ts';

const CANCEL_ABANDONED = loadQuery('cancel_abandoned');

/** Cancels requests queued outside a caller's transaction whose caller has stopped waiting; how many are still waited for. */
export async function cancelAbandoned(db: Queryable): Promise<number> {
  const { rows } = await db.query<{ remaining: string }>(CANCEL_ABANDONED);
  return Number(rows[0]?.remaining ?? 0);
}
