import { loadQuery } from '../db/load-sql.ts';
import type { Queryable } from '../db/query.ts';

const LIST_EMBEDDING_JOBS = loadQuery('list_embedding_jobs');
const RECORD_JOB_STATE = loadQuery('record_job_state');
const RECORD_JOB_WARNINGS = loadQuery('record_job_warnings');

type JobState = 'preparing' | 'backfill' | 'live' | 'failed' | 'canceled';

export interface RegisteredJob {
  /** The job's id in this database. */
  readonly id: string;
  /** The id of the row of the jobs table. */
  readonly jobId: string;
  readonly state: JobState;
  readonly reason: string | undefined;
  readonly schema: string;
  readonly table: string;
  readonly tableOid: string;
  readonly dstColumn: string;
  /** Of that column in its table, where no rename changes it. */
  readonly dstNumber: number;
  /** Where its texts are kept in chunks; undefined where the vectors stand in the table itself. */
  readonly chunkTable: { readonly oid: string; readonly schema: string; readonly table: string } | undefined;
  readonly dimensions: number;
  readonly generation: string;
}

/** The jobs that one jobs table has in this database, those included whose row is gone. */
export async function listJobs(db: Queryable, controlId: string): Promise<readonly RegisteredJob[]> {
  const { rows } = await db.query<{
    id: string;
    job_id: string;
    state: JobState;
    reason: string | null;
    schema_name: string;
    table_name: string;
    dst_column: string;
    dst_attnum: number;
    generation: string;
    table_oid: string;
    dimensions: number;
    chunk_table_oid: string | null;
    chunk_schema_name: string | null;
    chunk_table_name: string | null;
  }>(LIST_EMBEDDING_JOBS, [controlId]);
  return rows.map((row) => ({
    id: row.id,
    jobId: row.job_id,
    state: row.state,
    reason: row.reason ?? undefined,
    schema: row.schema_name,
    table: row.table_name,
    tableOid: row.table_oid,
    dstColumn: row.dst_column,
    dstNumber: row.dst_attnum,
    chunkTable:
      row.chunk_table_oid === null
        ? undefined
        : { oid: row.chunk_table_oid, schema: row.chunk_schema_name ?? '', table: row.chunk_table_name ?? '' },
    dimensions: row.dimensions,
    generation: row.generation,
  }));
}

/** Notes the state of a job for `lamplighter.embedding_status`; without effect on a canceled one. */
export async function setJobState(
  db: Queryable,
  jobId: string,
  state: Exclude<JobState, 'canceled'>,
  reason?: string,
): Promise<void> {
  await db.query(RECORD_JOB_STATE, [jobId, state, reason ?? null]);
}

/** Notes sentences for the job's user in `lamplighter.embedding_status`. */
export async function setJobWarnings(db: Queryable, jobId: string, warnings: readonly string[]): Promise<void> {
  await db.query(RECORD_JOB_WARNINGS, [jobId, warnings]);
}

const LIST_CHANGED_JOBS = loadQuery('list_changed_jobs');

/** The ids of those jobs among the given ones that have changed rows to be claimed. Cheap, however many jobs there are. */
export async function listChangedJobs(db: Queryable, jobIds: readonly string[]): Promise<readonly string[]> {
  const { rows } = await db.query<{ id: string }>(LIST_CHANGED_JOBS, [[...jobIds]]);
  return rows.map(({ id }) => id);
}
