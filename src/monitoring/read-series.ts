import { loadQuery } from '../db/load-sql.ts';
import type { Queryable } from '../db/query.ts';
import { addCounts, quantileMs } from './histogram.ts';
import type { RecentFigures, Series } from './shapes.ts';

const READ_SERIES = loadQuery('read_series');

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;

/** How far back a series goes, and the length of its steps. From a step of an hour on it is read by hour. */
const WINDOWS = {
  '1h': { lengthMs: HOUR_MS, stepMs: MINUTE_MS },
  '6h': { lengthMs: 6 * HOUR_MS, stepMs: MINUTE_MS },
  '24h': { lengthMs: 24 * HOUR_MS, stepMs: 5 * MINUTE_MS },
  '7d': { lengthMs: 168 * HOUR_MS, stepMs: HOUR_MS },
  '90d': { lengthMs: 2_160 * HOUR_MS, stepMs: 6 * HOUR_MS },
} as const;

export type SeriesWindow = keyof typeof WINDOWS;
export type MeasuredSystem = 'requests' | 'tasks' | 'jobs';

export interface SeriesQuery {
  readonly window: SeriesWindow;
  readonly system: MeasuredSystem;
  /** The function of requests, or the number of a job. @default all */
  readonly functionName?: string | undefined;
  /** @default all */
  readonly model?: string | undefined;
}

interface Step {
  readonly at_ms: number;
  readonly enqueued: number;
  readonly completed: number;
  readonly failed: number;
  readonly cancelled: number;
  readonly retries: number;
  readonly oldest_pending_s: number | null;
  readonly waits: readonly number[];
  readonly runs: readonly number[];
}

/** Reads what was measured, of all roles: for the owner, workers and monitors; others are refused (42501). */
export async function readSeries(db: Queryable, query: SeriesQuery): Promise<Series> {
  const { lengthMs, stepMs } = WINDOWS[query.window];
  const { steps, nowMs } = await readSteps(db, query, lengthMs, stepMs);
  const measured = new Map(steps.map((step) => [step.at_ms, step]));
  const first = Math.floor((nowMs - lengthMs) / stepMs) + 1;
  const last = Math.floor(nowMs / stepMs);
  const at = Array.from({ length: last - first + 1 }, (_, place) => (first + place) * stepMs);
  const column = (of: (step: Step) => number | null | undefined) =>
    at.map((start) => {
      const step = measured.get(start);
      return step === undefined ? null : (of(step) ?? null);
    });
  return {
    stepMs,
    at,
    enqueued: column(({ enqueued }) => enqueued),
    completed: column(({ completed }) => completed),
    failed: column(({ failed }) => failed),
    cancelled: column(({ cancelled }) => cancelled),
    retries: column(({ retries }) => retries),
    waitP50Ms: column(({ waits }) => quantileMs(waits, 0.5)),
    waitP95Ms: column(({ waits }) => quantileMs(waits, 0.95)),
    runP50Ms: column(({ runs }) => quantileMs(runs, 0.5)),
    runP95Ms: column(({ runs }) => quantileMs(runs, 0.95)),
    oldestPendingMs: column(({ oldest_pending_s: age }) => (age === null ? null : age * 1_000)),
  };
}

/** Sums up the last hour of a system, for those who may read its series. */
export async function readRecent(db: Queryable, system: MeasuredSystem): Promise<RecentFigures> {
  const { steps } = await readSteps(db, { system }, HOUR_MS, MINUTE_MS);
  const sum = (of: (step: Step) => number) => steps.reduce((total, step) => total + of(step), 0);
  const waits: number[] = [];
  const runs: number[] = [];
  for (const step of steps) {
    addCounts(waits, step.waits);
    addCounts(runs, step.runs);
  }
  return {
    enqueued: sum(({ enqueued }) => enqueued),
    completed: sum(({ completed }) => completed),
    failed: sum(({ failed }) => failed),
    cancelled: sum(({ cancelled }) => cancelled),
    retries: sum(({ retries }) => retries),
    ...quantiles('wait', waits),
    ...quantiles('run', runs),
  };
}

function quantiles(of: 'wait' | 'run', counts: readonly number[]): Partial<RecentFigures> {
  const p50 = quantileMs(counts, 0.5);
  const p95 = quantileMs(counts, 0.95);
  if (p50 === undefined || p95 === undefined) return {};
  return of === 'wait' ? { waitP50Ms: p50, waitP95Ms: p95 } : { runP50Ms: p50, runP95Ms: p95 };
}

async function readSteps(
  db: Queryable,
  { system, functionName = '', model }: Omit<SeriesQuery, 'window'>,
  lengthMs: number,
  stepMs: number,
): Promise<{ readonly steps: readonly Step[]; readonly nowMs: number }> {
  const { rows } = await db.query<{ steps: string; now_ms: string }>(READ_SERIES, [
    system,
    lengthMs - stepMs,
    stepMs,
    functionName,
    model ?? null,
  ]);
  const [row] = rows;
  if (row === undefined) throw new Error('the series came back without a row');
  return { steps: JSON.parse(row.steps) as Step[], nowMs: Number(row.now_ms) }; // what the query builds
}
