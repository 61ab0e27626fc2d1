/** What a daemon knows of a job that it serves. */
export interface JobReport {
  /** The id in the jobs table, as text. */
  readonly jobId: string;
  /** `schema.table.dst_column`, for people. */
  readonly name: string;
  readonly state: 'starting' | 'backfill' | 'live' | 'failed' | 'canceled';
  /** Why it failed. */
  readonly reason: string | undefined;
  /** Rows that the running backfill has scanned, and about how many there are; undefined while nothing is known. */
  readonly doneRows: number;
  readonly totalRows: number | undefined;
  /** Vectors written since the daemon serves the job. */
  readonly written: number;
}
