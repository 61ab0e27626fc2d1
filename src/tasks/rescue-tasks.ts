import { loadQuery } from '../db/load-sql.ts';
import type { Queryable } from '../db/query.ts';
import type { TaskVerdict } from './finish-task.ts';

const RESCUE_TASKS = loadQuery('rescue_tasks');
const RESCUE_CANCELLED_TASKS = loadQuery('rescue_cancelled_tasks');

/** What has become of a task whose worker is dead. */
export interface RescuedTask {
  readonly runId: string;
  readonly jobid: string;
  /** `running`: its backend is still there. */
  readonly status: TaskVerdict | 'queued' | 'running';
  readonly username: string;
  readonly pid: number | undefined;
  readonly cancelKey: number | undefined;
  /** The start of the backend as the server wrote it. */
  readonly backendStart: string | undefined;
  readonly isAlive: boolean;
  /** Somebody wants it cancelled. */
  readonly isCancelled: boolean;
}

interface Row {
  readonly run_id: string;
  readonly jobid: string;
  readonly status: RescuedTask['status'];
  readonly username: string;
  readonly pid: number | null;
  readonly cancel_key: number | null;
  readonly backend_start: string | null;
  readonly is_alive: boolean;
  readonly is_cancelled: boolean;
}

/** Settles what dead workers held, as far as its backends are gone; any number of workers may do it at once. */
export async function rescueTasks(db: Queryable, workerId: string): Promise<RescuedTask[]> {
  return toTasks((await db.query<Row>(RESCUE_TASKS, [workerId])).rows);
}

/**
 * Tasks of other workers that were to be cancelled more than `afterMs` ago and had not ended: those whose backend is gone are settled, as far
 * as that can be told.
 */
export async function rescueCancelledTasks(db: Queryable, workerId: string, afterMs: number): Promise<RescuedTask[]> {
  return toTasks((await db.query<Row>(RESCUE_CANCELLED_TASKS, [workerId, afterMs])).rows);
}

function toTasks(rows: readonly Row[]): RescuedTask[] {
  return rows.map((row) => ({
    runId: row.run_id,
    jobid: row.jobid,
    status: row.status,
    username: row.username,
    pid: row.pid ?? undefined,
    cancelKey: row.cancel_key ?? undefined,
    backendStart: row.backend_start ?? undefined,
    isAlive: row.is_alive,
    isCancelled: row.is_cancelled,
  }));
}
