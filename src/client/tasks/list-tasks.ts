import { loadQuery } from '../../db/load-sql.ts';
import type { Queryable } from '../../db/query.ts';
import { type TaskRow, type TaskState, type TaskStatus, toTaskStatus } from './task-status.ts';

const LIST_TASKS = loadQuery('list_tasks');
const READ_TASKS = loadQuery('read_tasks');
const READ_TASK_TEXT = loadQuery('read_task_text');

export interface TaskFilter {
  readonly jobids?: readonly number[] | undefined;
  readonly states?: readonly TaskState[] | undefined;
  readonly role?: string | undefined;
  readonly jobName?: string | undefined;
  /** Queued no longer ago than this. */
  readonly sinceMs?: number | undefined;
  /** Queued at least this long ago. */
  readonly untilMs?: number | undefined;
  readonly limit: number;
}

/** The latest tasks of those that match, the latest first; a role sees its own. */
export async function listTasks(db: Queryable, filter: TaskFilter): Promise<TaskStatus[]> {
  const { jobids, states, role, jobName, sinceMs, untilMs, limit } = filter;
  const { rows } = await db.query<TaskRow>(LIST_TASKS, [
    jobids?.map(String) ?? null,
    states ?? null,
    role ?? null,
    jobName ?? null,
    sinceMs ?? null,
    untilMs ?? null,
    limit,
  ]);
  return rows.map(toTaskStatus);
}

/** One task as it is now; undefined when the role sees none with that id. */
export async function readTask(db: Queryable, jobid: number): Promise<TaskStatus | undefined> {
  const [row] = (await db.query<TaskRow>(READ_TASKS, [[String(jobid)]])).rows;
  return row === undefined ? undefined : toTaskStatus(row);
}

/** The text of a task; undefined when the role sees none with that id. */
export async function readTaskText(db: Queryable, jobid: number): Promise<string | undefined> {
  return (await db.query<{ query: string }>(READ_TASK_TEXT, [String(jobid)])).rows[0]?.query;
}
