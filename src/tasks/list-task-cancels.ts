import { loadQuery } from '../db/load-sql.ts';
import type { Queryable } from '../db/query.ts';
import type { ClaimedTask } from './claimed-task.ts';

const LIST_TASK_CANCELS = loadQuery('list_task_cancels');

/** The channel on which a cancel of a running task is announced; the payload is its run. */
export const TASK_CANCEL_CHANNEL = 'lamplighter_task_cancel';

/** Attempts of the worker that somebody wants cancelled. */
export async function listTaskCancels(
  db: Queryable,
  workerId: string,
): Promise<Pick<ClaimedTask, 'runId' | 'attempt'>[]> {
  const { rows } = await db.query<{ run_id: string; attempt: number }>(LIST_TASK_CANCELS, [workerId]);
  return rows.map(({ run_id, attempt }) => ({ runId: run_id, attempt }));
}
