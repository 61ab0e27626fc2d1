import { loadQuery } from '../db/load-sql.ts';
import type { Queryable } from '../db/query.ts';
import type { ClaimedRequest } from './claimed-request.ts';

const LIST_LOST = loadQuery('list_lost');

/** The ids of those requests that the worker no longer holds: ended, cancelled, deleted, rescued or edited meanwhile. */
export async function listLost(
  db: Queryable,
  workerId: string,
  held: readonly Pick<ClaimedRequest, 'id' | 'attempt'>[],
): Promise<string[]> {
  const { rows } = await db.query<{ id: string }>(LIST_LOST, [
    workerId,
    held.map(({ id }) => id),
    held.map(({ attempt }) => attempt),
  ]);
  return rows.map(({ id }) => id);
}
