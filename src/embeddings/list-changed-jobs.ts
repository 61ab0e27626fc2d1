import { loadQuery } from '../db/load-sql.ts';
import type { Queryable } from '../db/query.ts';

const LIST_CHANGED_JOBS = loadQuery('list_changed_jobs');

/** Of these jobs, those that have changed rows to be claimed, by their ids here. Cheap, however many jobs there are. */
export async function listChangedJobs(db: Queryable, jobIds: readonly string[]): Promise<readonly string[]> {
  const { rows } = await db.query<{ id: string }>(LIST_CHANGED_JOBS, [[...jobIds]]);
  return rows.map(({ id }) => id);
}
