import { loadQuery } from '../db/load-sql.ts';
import type { Queryable } from '../db/query.ts';
import type { ClaimedRequest } from './claimed-request.ts';

const LIST_LOST = loadQuery('list_lost');

/** The ids of those requests that are no longer in flight with the worker: ended, cancelled, deleted, rescued or edited meanwhile. */
export async function listLost(
  db: Queryable,
  workerId: string,
  inFlight: readonly Pick<ClaimedRequest, 'id' | 'attempt'>[],
): Promise<string[]> {
  const { rows } = await db.query<{ id: string }>(LIST_LOST, [
    workerId,
    inFlight.map(({ id }) => id),
    inFlight.map(({ attempt }) => attempt),
  ]);
  return rows.map(({ id }) => id);
}
