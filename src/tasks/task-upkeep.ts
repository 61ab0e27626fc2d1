import { loadQuery } from '../db/load-sql.ts';
import type { Queryable } from '../db/query.ts';

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
