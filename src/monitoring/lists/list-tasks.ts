import { loadQuery } from '../../db/load-sql.ts';
import type { Queryable } from '../../db/query.ts';
import type { TaskFilter, TaskRecord, TaskRow, TaskState } from '../shapes.ts';
import { readJsonRows } from './json-rows.ts';
import { SCAN_ROWS, type Scan, type ScannedPage, scanPage } from './scan-page.ts';

const SCAN_TASKS = loadQuery('scan_tasks');
const LIST_TASK_ROWS = loadQuery('list_task_rows');
const READ_TASK = loadQuery('read_task');

/** Finds tasks that match, newest first; with `states` only those that are in one of them. */
export function createTaskScan(db: Queryable, filter: TaskFilter, states?: readonly TaskState[]): Scan {
  return async (before, limit) => {
    const params = [JSON.stringify(filter), states ?? null, before, SCAN_ROWS, limit];
    const { rows } = await db.query<{ ids: string; next_before: string | null }>(SCAN_TASKS, params);
    const [found] = rows;
    // The statement makes this JSON.
    return { ids: JSON.parse(found?.ids ?? '[]') as string[], nextBefore: found?.next_before ?? undefined };
  };
}

/** A page of tasks that match, newest first. */
export async function listTasks(
  db: Queryable,
  filter: TaskFilter,
  page: { readonly cursor: string | undefined; readonly limit: number; readonly withTexts: boolean },
): Promise<Omit<ScannedPage, 'ids'> & { readonly rows: readonly TaskRow[] }> {
  const { ids, ...rest } = await scanPage(createTaskScan(db, filter), page);
  return { rows: await readTasks(db, ids, page.withTexts), ...rest };
}

/** The tasks of these ids that the role sees, newest first. */
export async function readTasks(
  db: Queryable,
  ids: readonly string[],
  withTexts: boolean,
): Promise<readonly TaskRow[]> {
  return ids.length === 0 ? [] : readJsonRows<TaskRow>(db, LIST_TASK_ROWS, [ids, withTexts]);
}

/**
 * All of a task; undefined where there is none that the role sees.
 *
 * @param maxLength Of the text, in characters; undefined for none.
 */
export async function readTask(
  db: Queryable,
  jobid: string,
  maxLength: number | undefined,
): Promise<TaskRecord | undefined> {
  const params = [jobid, maxLength !== undefined, maxLength ?? 0];
  const { rows } = await db.query<{ row: string }>(READ_TASK, params);
  return rows[0] === undefined ? undefined : (JSON.parse(rows[0].row) as TaskRecord); // the statement makes this JSON
}
