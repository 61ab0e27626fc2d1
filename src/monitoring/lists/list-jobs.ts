import { loadQuery } from '../../db/load-sql.ts';
import type { Queryable } from '../../db/query.ts';
import { readJsonRows } from './json-rows.ts';

const LIST_JOB_ROWS = loadQuery('list_job_rows');
const LIST_JOB_FAILURES = loadQuery('list_job_failures');

/** An embedding job, as `lamplighter.embedding_status` has it. */
export interface JobRow {
  readonly id: string;
  readonly jobId: string;
  readonly table: string;
  readonly sourceColumn: string;
  readonly destination: string;
  readonly model: string;
  /** The model before, as long as vectors of it may be left. */
  readonly formerModel?: string;
  readonly dimensions: number;
  readonly state: string;
  readonly reason?: string;
  readonly rows?: number;
  readonly embedded?: number;
  readonly stale?: number;
  readonly chunks?: number;
  readonly queued: number;
  readonly failed: number;
  /** False where there are more changes, or more failures, than were counted. */
  readonly isExact: boolean;
  readonly truncated?: number;
  readonly tokens?: number;
  readonly calls: number;
  readonly rate?: number;
  readonly etaMs?: number;
  readonly lagMs?: number;
  readonly passPercent?: number;
  readonly lastError?: string;
  readonly lastErrorAt?: string;
  readonly index?: {
    readonly state: string;
    readonly name?: string;
    readonly percent?: number;
    readonly reason?: string;
  };
}

/** A row that a job could not embed. */
export interface JobFailure {
  /** A hash of the key: it tells rows apart and says nothing of them. */
  readonly id: string;
  readonly key?: string;
  readonly attempts: number;
  readonly isFinal: boolean;
  readonly error: string;
  readonly firstFailedAt: string;
  readonly lastFailedAt: string;
}

/** Embedding jobs of this database that the role sees: all, or the one of that number. */
export function listJobs(db: Queryable, id?: string): Promise<readonly JobRow[]> {
  return readJsonRows<JobRow>(db, LIST_JOB_ROWS, [id ?? null]);
}

/** Rows of a job that failed, newest first; `before` is the last one of the page before. */
export function listJobFailures(
  db: Queryable,
  job: string,
  page: {
    readonly before?: { readonly at: string; readonly id: string } | undefined;
    readonly limit: number;
    readonly withKeys: boolean;
  },
): Promise<readonly JobFailure[]> {
  const { before, limit, withKeys } = page;
  return readJsonRows<JobFailure>(db, LIST_JOB_FAILURES, [
    job,
    before?.at ?? null,
    before?.id ?? null,
    withKeys,
    limit,
  ]);
}
