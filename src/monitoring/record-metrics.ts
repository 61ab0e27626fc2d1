import { loadQuery } from '../db/load-sql.ts';
import type { Queryable } from '../db/query.ts';
import type { MeasuredSystem } from './read-series.ts';

const RECORD_METRICS = loadQuery('record_metrics');

/** What a process has measured of a lane in a minute so far, as `lamplighter.record_metrics` reads it. */
export interface MetricRow {
  readonly system: MeasuredSystem;
  /** Empty, as the model, for the total of the system. Of jobs: the job's number. */
  readonly function_name: string;
  readonly model: string;
  /** The beginning of the minute, by the clock of the server, in milliseconds since 1970. */
  readonly minute_ms: number;
  readonly enqueued?: number;
  readonly completed?: number;
  readonly failed?: number;
  readonly cancelled?: number;
  readonly retries?: number;
  readonly tokens?: number;
  readonly oldest_pending_s?: number;
  readonly waits?: readonly number[];
  readonly runs?: readonly number[];
}

/** Writes rows of a process; the same rows again change nothing, later figures of a minute take the place of earlier ones. */
export async function recordMetrics(db: Queryable, source: string, rows: readonly MetricRow[]): Promise<void> {
  await db.query(RECORD_METRICS, [source, JSON.stringify(rows)]);
}

const MEASURE_ENQUEUED = loadQuery('measure_enqueued');
const MEASURE_WAITING = loadQuery('measure_waiting');
const MEASURE_CANCELLED = loadQuery('measure_cancelled');
const COMPACT_METRICS = loadQuery('compact_metrics');

/** Counts tasks that were queued since the last time into their minutes; returns whether there is more to count. */
export async function measureEnqueued(db: Queryable): Promise<boolean> {
  return (await db.query<{ has_more: boolean }>(MEASURE_ENQUEUED)).rows[0]?.has_more === true;
}

/** Has requests that wait for their first claim in the figures of the minutes in which they were queued. */
export async function measureWaiting(db: Queryable): Promise<void> {
  await db.query(MEASURE_WAITING);
}

/** Counts cancelled requests into their minutes; returns whether there is more to count. */
export async function measureCancelled(db: Queryable): Promise<boolean> {
  return (await db.query<{ has_more: boolean }>(MEASURE_CANCELLED)).rows[0]?.has_more === true;
}

/** Merges minutes, sums up hours, and deletes what is old. */
export async function compactMetrics(db: Queryable): Promise<void> {
  await db.query(COMPACT_METRICS);
}
