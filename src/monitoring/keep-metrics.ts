import { loadQuery } from '../db/load-sql.ts';
import type { Queryable } from '../db/query.ts';

const MEASURE_ENQUEUED = loadQuery('measure_enqueued');
const MEASURE_CANCELLED = loadQuery('measure_cancelled');
const COMPACT_METRICS = loadQuery('compact_metrics');

/** Counts what was queued since the last time into its minutes; returns whether there is more to count. */
export async function measureEnqueued(db: Queryable): Promise<boolean> {
  return (await db.query<{ has_more: boolean }>(MEASURE_ENQUEUED)).rows[0]?.has_more === true;
}

/** Counts cancelled requests into their minutes; returns whether there is more to count. */
export async function measureCancelled(db: Queryable): Promise<boolean> {
  return (await db.query<{ has_more: boolean }>(MEASURE_CANCELLED)).rows[0]?.has_more === true;
}

/** Merges minutes, sums up hours, and deletes what is old. */
export async function compactMetrics(db: Queryable): Promise<void> {
  await db.query(COMPACT_METRICS);
}
