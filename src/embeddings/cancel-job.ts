import { loadQuery } from '../db/load-sql.ts';
import type { Queryable } from '../db/query.ts';

const CANCEL_EMBEDDING_JOB = loadQuery('cancel_embedding_job');
const REMOVE_EMBEDDING_JOB = loadQuery('remove_embedding_job');
const DROP_CAPTURES = loadQuery('drop_captures');

/** Stops a job at once: batches in flight write nothing, and capture does nothing. `prepareJob` takes it up again. */
export async function cancelJob(db: Queryable, jobId: string): Promise<void> {
  await db.query(CANCEL_EMBEDDING_JOB, [jobId]);
}

/** Stops a job whose row is gone, and forgets what is known of its rows. The vectors stay. */
export async function removeJob(db: Queryable, jobId: string): Promise<void> {
  await db.query(REMOVE_EMBEDDING_JOB, [jobId]);
}

/**
 * Drops the capture functions and triggers of canceled and removed jobs, which needs each table for a moment. Returns how many are left,
 * as their tables are in use: call it again later.
 */
export async function dropCaptures(db: Queryable): Promise<number> {
  const { rows } = await db.query<{ busy: number }>(DROP_CAPTURES);
  return rows[0]?.busy ?? 0;
}
