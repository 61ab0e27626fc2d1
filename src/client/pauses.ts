import type { RequestFunction } from '../core/request-functions.ts';
import { loadQuery } from '../db/load-sql.ts';
import type { Queryable } from '../db/query.ts';
import { toDate } from './row-text.ts';

const LIST_PAUSES = loadQuery('list_pauses');

/** A function whose requests are left alone until `steadytext_resume`. */
export interface Pause {
  readonly functionName: RequestFunction;
  readonly pausedAt: Date;
  /** The role that paused it. */
  readonly pausedBy: string;
}

/** The functions that are paused, in the order of their names; for callers, workers and the owner. */
export async function listPauses(db: Queryable): Promise<Pause[]> {
  const { rows } = await db.query<{ function_name: RequestFunction; paused_s: string; paused_by: string }>(LIST_PAUSES);
  return rows.map((row) => ({
    functionName: row.function_name,
    pausedAt: toDate(row.paused_s),
    pausedBy: row.paused_by,
  }));
}
