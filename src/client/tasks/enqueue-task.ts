import { loadQuery } from '../../db/load-sql.ts';
import type { Queryable } from '../../db/query.ts';
import { tracedEnqueue } from '../traced-enqueue.ts';

const ENQUEUE_TASK = loadQuery('enqueue_task');
const CANCEL_TASK = loadQuery('cancel_task');

/** Queues a text; it starts once the transaction of `db` has committed. Returns its id. */
export async function enqueueTask(db: Queryable, text: unknown, name: unknown): Promise<number> {
  const task = { destination: 'tasks', isBatch: false, text: ENQUEUE_TASK, values: [text, name] };
  const [jobid] = await tracedEnqueue(db, task);
  if (jobid === undefined) throw new Error('the enqueue function returned no row');
  return Number(jobid);
}

/** Asks to cancel a task, as soon as the transaction of `db` has committed; false when it has ended, or is not the role's to cancel. */
export async function cancelTask(db: Queryable, jobid: number): Promise<boolean> {
  const [row] = (await db.query<{ was_unfinished: string }>(CANCEL_TASK, [String(jobid)])).rows;
  return row?.was_unfinished === 'true';
}
