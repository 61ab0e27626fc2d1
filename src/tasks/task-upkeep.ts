import { loadQuery } from '../db/load-sql.ts';
import type { Queryable } from '../db/query.ts';
import type { ClaimedTask } from './claim-tasks.ts';
import { withStorableTexts } from './storable-text.ts';

const PROJECT_TASKS = loadQuery('project_tasks');
const SETTLE_STRAY_TASKS = loadQuery('settle_stray_tasks');
const PRUNE_TASKS = loadQuery('prune_tasks');

/** Writes up to `limit` ended tasks into lantern.tasks that somebody had locked as they ended; returns how many were written. */
export async function projectTasks(db: Queryable, limit: number): Promise<number> {
  return (await db.query<{ projected: number }>(PROJECT_TASKS, [limit])).rows[0]?.projected ?? 0;
}

/** Ends queued tasks of roles that were dropped or renamed, and of a database of which this one is a copy; returns how many. */
export async function settleStrayTasks(db: Queryable): Promise<number> {
  return (await db.query<{ settled: number }>(SETTLE_STRAY_TASKS)).rows[0]?.settled ?? 0;
}

/** Deletes up to `limit` tasks that ended longer than `olderThanMs` ago; returns how many. */
export async function pruneTasks(db: Queryable, olderThanMs: number, limit: number): Promise<number> {
  return (await db.query<{ pruned: number }>(PRUNE_TASKS, [olderThanMs, limit])).rows[0]?.pruned ?? 0;
}

const SET_TASK_REASONS = loadQuery('set_task_reasons');

/** Says how many tasks the worker runs at once, and why it cannot serve some roles at present, by role. */
export async function setTaskReasons(
  db: Queryable,
  workerId: string,
  { concurrency, reasons }: { readonly concurrency: number; readonly reasons: ReadonlyMap<string, string> },
): Promise<void> {
  await withStorableTexts([...reasons.values()], (texts) =>
    db.query(SET_TASK_REASONS, [workerId, concurrency, [...reasons.keys()], texts]),
  );
}

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
