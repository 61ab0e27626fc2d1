import { loadQuery } from '../../db/load-sql.ts';
import type { Queryable } from '../../db/query.ts';
import { toOptionalMs } from '../row-text.ts';
import type { TaskState } from './task-status.ts';

const COUNT_TASKS = loadQuery('count_tasks');

/** How many tasks there are of each state. */
export interface TaskCounts extends Readonly<Record<TaskState, number>> {
  readonly longestWaitMs?: number;
  readonly longestRunMs?: number;
}

type Row = Record<TaskState, string> & {
  readonly longest_wait_s: string | null;
  readonly longest_run_s: string | null;
};

/** Counts the tasks that the role sees. */
export async function countTasks(db: Queryable): Promise<TaskCounts> {
  const [row] = (await db.query<Row>(COUNT_TASKS)).rows;
  if (row === undefined) throw new Error('the count returned no row');
  return {
    queued: Number(row.queued),
    running: Number(row.running),
    succeeded: Number(row.succeeded),
    failed: Number(row.failed),
    canceled: Number(row.canceled),
    ...toOptionalMs('longestWaitMs', row.longest_wait_s),
    ...toOptionalMs('longestRunMs', row.longest_run_s),
  };
}
