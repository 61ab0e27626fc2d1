import { loadQuery } from '../db/load-sql.ts';
import type { Queryable } from '../db/query.ts';

const CLAIM_TASKS = loadQuery('claim_tasks');

interface Row {
  readonly run_id: string;
  readonly jobid: string;
  readonly username: string;
  readonly role_oid: string;
  readonly query: string;
  readonly search_path: string;
  readonly attempt: number;
  readonly traceparent: string | null;
}

interface ClaimTasksOptions {
  readonly limit: number;
  readonly skippedRoles: readonly string[];
  /** Longest run of the completion handlers that one task calls. */
  readonly handlerTimeoutMs: number;
}

/** Claims up to `limit` tasks, fair between roles; SQLSTATE LL001 when the lease is lost. */
export async function claimTasks(
  db: Queryable,
  workerId: string,
  { limit, skippedRoles, handlerTimeoutMs }: ClaimTasksOptions,
): Promise<ClaimedTask[]> {
  const { rows } = await db.query<Row>(CLAIM_TASKS, [workerId, limit, skippedRoles, handlerTimeoutMs]);
  return rows.map((row) => ({
    runId: row.run_id,
    jobid: row.jobid,
    username: row.username,
    roleOid: Number(row.role_oid),
    text: row.query,
    searchPath: row.search_path,
    attempt: row.attempt,
    traceparent: row.traceparent,
  }));
}

/** One attempt at a task that this process is to run. */
export interface ClaimedTask {
  /** A bigint as text. */
  readonly runId: string;
  /** A bigint as text. */
  readonly jobid: string;
  /** The role that it runs as. */
  readonly username: string;
  readonly roleOid: number;
  readonly text: string;
  /** The search_path of the caller at the time of queueing. */
  readonly searchPath: string;
  /** The attempt: with the run and the worker it fences late writes. */
  readonly attempt: number;
  /** The trace that it belongs to, as in W3C Trace Context; null or absent where whoever queued it said nothing. */
  readonly traceparent?: string | null;
}
