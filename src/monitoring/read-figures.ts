import { loadQuery } from '../db/load-sql.ts';
import type { Queryable } from '../db/query.ts';

const CHECK_MONITOR = loadQuery('check_monitor');
const READ_FIGURES = loadQuery('read_figures');
const READ_OWN_FIGURES = loadQuery('read_own_figures');

/** A count that is never read beyond a bound: `count` exactly, or more than that. */
export interface BoundedCount {
  readonly count: number;
  readonly isExact: boolean;
}

/** Requests of one function and model that wait or run. */
export interface LaneFigures {
  readonly functionName: string;
  readonly model: string;
  /** Ready, delayed and quarantined ones together. */
  readonly pending: BoundedCount;
  readonly ready: number;
  /** Requests that wait for the end of a pause after a failure. */
  readonly delayed: number;
  readonly quarantined: number;
  readonly running: number;
  /** Absent where nothing waits. */
  readonly oldestPendingMs?: number;
  /** What keeps the lane from being answered, if anything does. */
  readonly stoppedBy?: 'paused' | 'not served' | 'model unavailable';
  readonly isPaused: boolean;
  /** Whether a live worker serves it. */
  readonly isServed: boolean;
}

/** An embedding job that is not cancelled. */
export interface JobFigures {
  /** Its number, as in `lamplighter.embedding_status.job`. */
  readonly id: string;
  readonly jobId: string;
  readonly model: string;
  readonly state: string;
  /** Rows whose text has changed, or that are being embedded. */
  readonly queued: BoundedCount;
  /** Age of the oldest change that nobody has taken up; absent where there is none. */
  readonly lagMs?: number;
  readonly isServed: boolean;
}

/** What waits and runs now. */
export interface Figures {
  /** The time by the clock of the server: the age of all of it counts from here. */
  readonly at: Date;
  /** False where the role sees only its own. */
  readonly isOfAll: boolean;
  /** Lanes in which something waits or runs, at most 300, by name. */
  readonly lanes: readonly LaneFigures[];
  readonly tasks: {
    readonly queued: BoundedCount;
    readonly running: number;
    readonly oldestQueuedMs?: number;
    readonly isServed: boolean;
  };
  /** The figures of at most 300 jobs. */
  readonly jobs: readonly JobFigures[];
  /** Workers and daemons, those that were stopped left out. */
  readonly workers: { readonly alive: number; readonly dead: number };
}

/**
 * Reads what waits and runs now: of all roles for the owner, workers and monitors, else the current role's own. Costs the same however
 * many requests there are: some 20,000 entries of indexes at most.
 */
export async function readFigures(db: Queryable): Promise<Figures> {
  // Asked first: an attempt that is refused would end the transaction that this may be in.
  const { rows } = await db.query<{ is_allowed: boolean }>(CHECK_MONITOR);
  const isOfAll = rows[0]?.is_allowed === true;
  return toFigures(await readText(db, isOfAll ? READ_FIGURES : READ_OWN_FIGURES), isOfAll);
}

async function readText(db: Queryable, query: string): Promise<string> {
  const { rows } = await db.query<{ figures: string }>(query);
  const [row] = rows;
  if (row === undefined) throw new Error('the figures came back without a row');
  return row.figures;
}

/** The JSON of `lamplighter.measure_figures`. */
interface FiguresJson {
  readonly at_ms: number;
  readonly lanes: readonly {
    readonly function_name: string;
    readonly model: string;
    readonly pending: number;
    readonly ready: number;
    readonly delayed: number;
    readonly quarantined: number;
    readonly is_exact: boolean;
    readonly running: number;
    readonly oldest_pending_s: number | null;
    readonly stopped_by: 'paused' | 'not served' | 'model unavailable' | null;
  }[];
  readonly tasks: {
    readonly queued: number;
    readonly is_exact: boolean;
    readonly running: number;
    readonly oldest_queued_s: number | null;
    readonly is_served: boolean;
  };
  readonly jobs: readonly {
    readonly id: number;
    readonly job_id: string;
    readonly model: string;
    readonly state: string;
    readonly queued: number;
    readonly is_exact: boolean;
    readonly lag_s: number | null;
    readonly is_served: boolean;
  }[];
  readonly workers: { readonly alive: number; readonly dead: number };
}

function toFigures(text: string, isOfAll: boolean): Figures {
  const { at_ms, lanes, tasks, jobs, workers } = JSON.parse(text) as FiguresJson; // what our own function builds
  return {
    at: new Date(at_ms),
    isOfAll,
    lanes: lanes.map((lane) => ({
      functionName: lane.function_name,
      model: lane.model,
      pending: { count: lane.pending, isExact: lane.is_exact },
      ready: lane.ready,
      delayed: lane.delayed,
      quarantined: lane.quarantined,
      running: lane.running,
      ...(lane.oldest_pending_s === null ? {} : { oldestPendingMs: lane.oldest_pending_s * 1_000 }),
      ...(lane.stopped_by === null ? {} : { stoppedBy: lane.stopped_by }),
      isPaused: lane.stopped_by === 'paused',
      isServed: lane.stopped_by !== 'not served',
    })),
    tasks: {
      queued: { count: tasks.queued, isExact: tasks.is_exact },
      running: tasks.running,
      ...(tasks.oldest_queued_s === null ? {} : { oldestQueuedMs: tasks.oldest_queued_s * 1_000 }),
      isServed: tasks.is_served,
    },
    jobs: jobs.map((job) => ({
      id: String(job.id),
      jobId: job.job_id,
      model: job.model,
      state: job.state,
      queued: { count: job.queued, isExact: job.is_exact },
      ...(job.lag_s === null ? {} : { lagMs: job.lag_s * 1_000 }),
      isServed: job.is_served,
    })),
    workers,
  };
}
