import { loadQuery } from '../db/load-sql.ts';
import type { Queryable } from '../db/query.ts';

const READ_HEALTH = loadQuery('read_health');

/** What of the server may stand in the way of all. */
export interface Health {
  /** The share of PostgreSQL's notification queue in use, from 0 to 1; full, it fails every transaction that notifies. */
  readonly notificationQueueUsage: number;
  /** The age of the oldest transaction that keeps dead rows from being removed, as far as the owner may see others. */
  readonly xminAgeMs: number;
  /** Dead rows over what autovacuum waits for, of the table where that is most: from 1 on it is due. */
  readonly autovacuumLag: number;
  /** Indexes of the database that are invalid while nobody builds them. */
  readonly invalidIndexes: number;
}

/** Reads it, for the owner, workers and monitors. */
export async function readHealth(db: Queryable): Promise<Health> {
  const { rows } = await db.query<{
    notification_queue_usage: number;
    xmin_age_s: number | null;
    autovacuum_lag: number;
    invalid_indexes: number;
  }>(READ_HEALTH);
  const [row] = rows;
  if (row === undefined) throw new Error('the health of the server came back without a row');
  return {
    notificationQueueUsage: row.notification_queue_usage,
    xminAgeMs: (row.xmin_age_s ?? 0) * 1_000,
    autovacuumLag: row.autovacuum_lag,
    invalidIndexes: row.invalid_indexes,
  };
}
