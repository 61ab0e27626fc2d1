import { loadQuery } from '../../db/load-sql.ts';
import type { Queryable } from '../../db/query.ts';

const RETRY_TASKS = loadQuery('retry_tasks');

export interface RetriedTask {
  readonly jobid: number;
  /** Of the task that was queued for it; absent where the role has no task of that id that failed or was canceled. */
  readonly newJobid?: number;
}

/** Queues the texts of these tasks once more, each as a new task of the same name; in their order. */
export async function retryTasks(db: Queryable, jobids: readonly string[]): Promise<readonly RetriedTask[]> {
  const { rows } = await db.query<{ id: string; new_id: string | null }>(RETRY_TASKS, [jobids]);
  return rows.map(({ id, new_id }) => ({
    jobid: Number(id),
    ...(new_id === null ? {} : { newJobid: Number(new_id) }),
  }));
}
