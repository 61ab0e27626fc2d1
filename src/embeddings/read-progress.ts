import { loadQuery } from '../db/load-sql.ts';
import type { Queryable } from '../db/query.ts';

const READ_EMBEDDING_STATUS = loadQuery('read_embedding_status');

/** The progress of a job, as `lamplighter.embedding_status` shows it. */
export interface JobProgress {
  readonly state: string;
  readonly reason: string | undefined;
  /** Rows that the last full pass found, as `embedded`; undefined before there was one. */
  readonly rows: number | undefined;
  readonly embedded: number | undefined;
  readonly stale: number | undefined;
  readonly queued: number;
  readonly failed: number;
  /** Undefined where the model does not tell, as `tokens`. */
  readonly truncated: number | undefined;
  readonly tokens: number | undefined;
  readonly calls: number;
  /** Vectors a second of late. */
  readonly rate: number | undefined;
  readonly etaMs: number | undefined;
  /** Age of the oldest change that nobody has taken yet. */
  readonly lagMs: number | undefined;
  readonly lastError: string | undefined;
  readonly passNumber: number;
  readonly passRows: number;
  /** How much the running pass has read of the table as it was at its beginning; undefined while none runs. */
  readonly passPercent: number | undefined;
  /** When the running pass, or the last one, began; `passRate` is the number of rows that it reads in a second. */
  readonly passStartedAt: Date | undefined;
  readonly passRate: number | undefined;
  readonly fullPassAt: Date | undefined;
  /** When all rows are compared with their texts again, at the latest. */
  readonly nextFullPassAt: Date | undefined;
  /** The state of the index that the job asks for: waiting, building, built or failed; undefined where it asks for none. */
  readonly indexState: string | undefined;
  readonly indexName: string | undefined;
  readonly indexPercent: number | undefined;
  readonly indexReason: string | undefined;
}

const numberOf = (text: string | number | null) => (text === null ? undefined : Number(text));

/** Undefined when there is no such job, or the login may neither read its table nor act for the schema's owner. */
export async function readJobProgress(db: Queryable, jobId: string): Promise<JobProgress | undefined> {
  const { rows } = await db.query<{
    state: string;
    reason: string | null;
    rows: string | null;
    embedded: string | null;
    stale: string | null;
    queued: string;
    failed: string;
    truncated: string | null;
    tokens: string | null;
    calls: string;
    rate: number | null;
    eta_ms: string | null;
    lag_ms: string | null;
    last_error: string | null;
    pass_number: number;
    pass_rows: string;
    pass_percent: number | null;
    pass_started_at: Date | null;
    pass_rate: number | null;
    full_pass_at: Date | null;
    next_full_pass_at: Date | null;
    index_state: string | null;
    index_name: string | null;
    index_percent: number | null;
    index_reason: string | null;
  }>(READ_EMBEDDING_STATUS, [jobId]);
  const [row] = rows;
  if (row === undefined) return undefined;
  return {
    state: row.state,
    reason: row.reason ?? undefined,
    rows: numberOf(row.rows),
    embedded: numberOf(row.embedded),
    stale: numberOf(row.stale),
    queued: Number(row.queued),
    failed: Number(row.failed),
    truncated: numberOf(row.truncated),
    tokens: numberOf(row.tokens),
    calls: Number(row.calls),
    rate: row.rate ?? undefined,
    etaMs: numberOf(row.eta_ms),
    lagMs: numberOf(row.lag_ms),
    lastError: row.last_error ?? undefined,
    passNumber: row.pass_number,
    passRows: Number(row.pass_rows),
    passPercent: row.pass_percent ?? undefined,
    passStartedAt: row.pass_started_at ?? undefined,
    passRate: row.pass_rate ?? undefined,
    fullPassAt: row.full_pass_at ?? undefined,
    nextFullPassAt: row.next_full_pass_at ?? undefined,
    indexState: row.index_state ?? undefined,
    indexName: row.index_name ?? undefined,
    indexPercent: row.index_percent ?? undefined,
    indexReason: row.index_reason ?? undefined,
  };
}
