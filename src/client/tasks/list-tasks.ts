import { loadQuery } from '../../db/load-sql.ts';
import type { Queryable } from '../../db/query.ts';
import { type TaskRow, type TaskState, type TaskStatus, toTaskStatus } from './task-status.ts';

const SCAN_TASKS = loadQuery('scan_tasks');
const LIST_TASKS = loadQuery('list_tasks');
const READ_TASKS = loadQuery('read_tasks');
const READ_TASK_TEXT = loadQuery('read_task_text');
const READ_SERVER_FACTS = loadQuery('read_server_facts');
/** Above every id. */
const TOP = '9223372036854775807';
/** Most rows that one statement looks at. */
const SCAN_ROWS = 20_000;

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

interface Found {
  readonly ids: string;
  readonly next_before: string | null;
}

/**
 * The latest tasks of those that match, the latest first; a role sees its own. However many tasks there are, each statement costs the same;
 * a search goes on until it has found enough or seen all.
 */
export async function listTasks(db: Queryable, filter: TaskFilter): Promise<TaskStatus[]> {
  const { states, role, jobName, sinceMs, untilMs, limit } = filter;
  const jobids = filter.jobids?.map(String) ?? (await scanTasks(db, filter));
  if (jobids.length === 0) return [];
  const { rows } = await db.query<TaskRow>(LIST_TASKS, [
    jobids,
    states ?? null,
    role ?? null,
    jobName ?? null,
    sinceMs ?? null,
    untilMs ?? null,
    limit,
  ]);
  return rows.map(toTaskStatus);
}

/** The ids of all that match, the latest first. */
export async function findTasks(db: Queryable, filter: Omit<TaskFilter, 'limit'>): Promise<readonly string[]> {
  const { jobids } = filter;
  if (jobids === undefined) return scanTasks(db, { ...filter, limit: Number.POSITIVE_INFINITY });
  return (await listTasks(db, { ...filter, limit: jobids.length })).map(({ jobid }) => String(jobid));
}

async function scanTasks(
  db: Queryable,
  { states, role, jobName, sinceMs, untilMs, limit }: TaskFilter,
): Promise<readonly string[]> {
  const nowMs = sinceMs === undefined && untilMs === undefined ? 0 : await readNowMs(db);
  const filter = {
    ...(role === undefined ? {} : { role }),
    ...(jobName === undefined ? {} : { name: jobName }),
    ...(sinceMs === undefined ? {} : { since: new Date(nowMs - sinceMs).toISOString() }),
    ...(untilMs === undefined ? {} : { until: new Date(nowMs - untilMs).toISOString() }),
  };
  const ids: string[] = [];
  let before: string | undefined = TOP;
  while (before !== undefined && ids.length < limit) {
    const params: readonly unknown[] = [
      JSON.stringify(filter),
      states ?? null,
      before,
      SCAN_ROWS,
      Math.min(limit - ids.length, SCAN_ROWS),
    ];
    const found: Found | undefined = (await db.query<Found>(SCAN_TASKS, params)).rows[0];
    ids.push(...(JSON.parse(found?.ids ?? '[]') as string[])); // the statement makes this JSON
    before = found?.next_before ?? undefined;
  }
  return ids;
}

async function readNowMs(db: Queryable): Promise<number> {
  const { rows } = await db.query<{ now_s: string }>(READ_SERVER_FACTS);
  return Number(rows[0]?.now_s) * 1_000;
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
