import type { RequestFunction } from '../core/request-functions.ts';
import { loadQuery } from '../db/load-sql.ts';
import type { Queryable } from '../db/query.ts';
import { toOptionalMs } from './row-text.ts';

const READ_QUEUE_STATS = loadQuery('read_queue_stats');

/** The requests of one function, counted by status: the role's own, for the owner of the schema everybody's. */
export interface QueueStats {
  readonly functionName: RequestFunction;
  readonly pending: number;
  readonly processing: number;
  readonly completed: number;
  readonly failed: number;
  readonly cancelled: number;
  /** Age of the oldest pending request; absent when none is. */
  readonly oldestPendingMs?: number;
  /** Mean time from start to completion, of those completed; absent when none is. */
  readonly avgProcessingMs?: number;
  /** The same at the 95th percentile. */
  readonly p95ProcessingMs?: number;
}

type Row = Record<'pending' | 'processing' | 'completed' | 'failed' | 'cancelled', string> &
  Record<'oldest_pending_s' | 'avg_processing_s' | 'p95_processing_s', string | null> & {
    readonly function_name: RequestFunction;
  };

/** Counts by function, in order of name; functions without requests are missing. */
export async function readQueueStats(db: Queryable): Promise<QueueStats[]> {
  const { rows } = await db.query<Row>(READ_QUEUE_STATS);
  return rows.map((row) => ({
    functionName: row.function_name,
    pending: Number(row.pending),
    processing: Number(row.processing),
    completed: Number(row.completed),
    failed: Number(row.failed),
    cancelled: Number(row.cancelled),
    ...toOptionalMs('oldestPendingMs', row.oldest_pending_s),
    ...toOptionalMs('avgProcessingMs', row.avg_processing_s),
    ...toOptionalMs('p95ProcessingMs', row.p95_processing_s),
  }));
}
