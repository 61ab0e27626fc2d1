import { loadQuery } from '../db/load-sql.ts';
import type { Queryable } from '../db/query.ts';

const SET_TASK_REASONS = loadQuery('set_task_reasons');

/** Says how many tasks the worker runs at once, and why it cannot serve some roles at present, by role. */
export async function setTaskReasons(
  db: Queryable,
  workerId: string,
  { concurrency, reasons }: { readonly concurrency: number; readonly reasons: ReadonlyMap<string, string> },
): Promise<void> {
  await db.query(SET_TASK_REASONS, [workerId, concurrency, [...reasons.keys()], [...reasons.values()]]);
}
