import type { RequestFunction } from '../core/request-functions.ts';
import { loadQuery } from '../db/load-sql.ts';
import type { Queryable } from '../db/query.ts';
import { type Lane, laneKey } from './claimed-request.ts';

const COUNT_WAITING = loadQuery('count_waiting');

/** How many requests wait in each lane, by its key; counting stops at `most` ready ones of a lane, and delayed ones of all. */
export async function countWaiting(db: Queryable, lanes: readonly Lane[], most: number): Promise<Map<string, number>> {
  const { rows } = await db.query<{ function_name: RequestFunction; model: string; waiting: string }>(COUNT_WAITING, [
    lanes.map(({ functionName }) => functionName),
    lanes.map(({ model }) => model),
    most,
  ]);
  return new Map(
    rows.map(({ function_name: functionName, model, waiting }) => [laneKey({ functionName, model }), Number(waiting)]),
  );
}
