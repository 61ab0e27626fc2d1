import { LamplighterError } from '../../core/errors.ts';
import { showValue } from '../../core/show-value.ts';
import { toDate, toOptionalDate, toOptionalMs } from '../row-text.ts';

export const TASK_STATES = ['queued', 'running', 'succeeded', 'failed', 'canceled'] as const;
export type TaskState = (typeof TASK_STATES)[number];

/** A task as `lantern.task_status` shows it to the role that asks. */
export interface TaskStatus {
  readonly jobid: number;
  readonly jobName?: string;
  /** The role that queued it and as which it runs. */
  readonly username: string;
  readonly state: TaskState;
  /** Why a queued task does not start, or why the progress of a running one is hidden. */
  readonly reason?: string;
  /** How often its effects can be there, see `lantern.async_task`; absent before the first start. */
  readonly guarantee?: 'exactly once' | 'at most once';
  readonly queuedAt: Date;
  readonly runStartedAt?: Date;
  readonly finishedAt?: Date;
  /** Time from the queueing to the start, or to now. */
  readonly waitMs?: number;
  /** Time from the start to the end, or to now. */
  readonly runMs?: number;
  /** Which attempt it is in; 0 before the first one. */
  readonly attempt: number;
  /** Where it runs or ran, for people. */
  readonly worker?: string;
  readonly backendPid?: number;
  /** Server processes that block it. */
  readonly blockedBy: readonly number[];
  readonly commandTag?: string;
  readonly rowCount?: number;
  readonly progressPhase?: string;
  /** 0 to 100. */
  readonly progressPercent?: number;
  /** Estimated time left of the statement; absent where PostgreSQL reports no total. */
  readonly leftMs?: number;
  /** The error as psql prints it. */
  readonly errorMessage?: string;
}

/** A row of the queries on tasks. */
export interface TaskRow {
  readonly jobid: string;
  readonly job_name: string | null;
  readonly username: string;
  readonly state: TaskState;
  readonly reason: string | null;
  readonly guarantee: 'exactly once' | 'at most once' | null;
  readonly queued_s: string;
  readonly run_started_s: string | null;
  readonly finished_s: string | null;
  readonly wait_s: string | null;
  readonly run_s: string | null;
  readonly attempt: string | null;
  readonly worker: string | null;
  readonly backend_pid: string | null;
  readonly blocked_by: string | null;
  readonly command_tag: string | null;
  readonly row_count: string | null;
  readonly progress_phase: string | null;
  readonly progress_percent: string | null;
  readonly left_s: string | null;
  readonly error_message: string | null;
}

export function toTaskStatus(row: TaskRow): TaskStatus {
  return {
    jobid: Number(row.jobid),
    ...present('jobName', row.job_name),
    username: row.username,
    state: row.state,
    ...present('reason', row.reason),
    ...present('guarantee', row.guarantee),
    queuedAt: toDate(row.queued_s),
    ...toOptionalDate('runStartedAt', row.run_started_s),
    ...toOptionalDate('finishedAt', row.finished_s),
    ...toOptionalMs('waitMs', row.wait_s),
    ...toOptionalMs('runMs', row.run_s),
    attempt: Number(row.attempt ?? 0),
    ...present('worker', row.worker),
    ...present('backendPid', toNumber(row.backend_pid)),
    // The query makes it a JSON array of process ids.
    blockedBy: JSON.parse(row.blocked_by ?? '[]') as number[],
    ...present('commandTag', row.command_tag),
    ...present('rowCount', toNumber(row.row_count)),
    ...present('progressPhase', row.progress_phase),
    ...present('progressPercent', toNumber(row.progress_percent)),
    ...toOptionalMs('leftMs', row.left_s),
    ...present('errorMessage', row.error_message),
  };
}

export function hasEnded({ state }: Pick<TaskStatus, 'state'>): boolean {
  return state !== 'queued' && state !== 'running';
}

/**
 * The id of a task: as `run` gave it, or as a driver reads a bigint.
 *
 * @throws LamplighterError TASK_NOT_FOUND for anything else.
 */
export function parseTaskId(id: number | bigint | string): number {
  const text = String(id);
  const number = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (number > 0 && Number.isSafeInteger(number)) return number;
  throw new LamplighterError('TASK_NOT_FOUND', `expected the id of a task (a positive integer), got ${showValue(id)}`);
}

function toNumber(text: string | null): number | null {
  return text === null ? null : Number(text);
}

function present<Name extends string, Value>(name: Name, value: Value | null): { readonly [name in Name]?: Value } {
  // A computed key widens to an index signature.
  return (value === null ? {} : { [name]: value }) as { readonly [name in Name]?: Value };
}
