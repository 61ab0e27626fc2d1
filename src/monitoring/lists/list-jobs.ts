import { loadQuery } from '../../db/load-sql.ts';
import type { Queryable } from '../../db/query.ts';
import type { JobFailure, JobRow } from '../shapes.ts';
import { readJsonRows } from './json-rows.ts';

const LIST_JOB_ROWS = loadQuery('list_job_rows');
const LIST_JOB_FAILURES = loadQuery('list_job_failures');

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
