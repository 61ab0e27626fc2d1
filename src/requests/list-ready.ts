import type { RequestFunction } from '../core/request-functions.ts';
import { loadQuery } from '../db/load-sql.ts';
import type { Queryable } from '../db/query.ts';
import type { Lane } from './claimed-request.ts';

const LIST_READY = loadQuery('list_ready');

/** The requests of one role and priority in a lane, from the first that is ready. */
export interface ReadyLevel {
  readonly lane: Lane;
  readonly username: string;
  readonly priority: number;
  readonly createdUs: string;
  readonly id: string;
  /** When it was seen, by the database's clock. */
  readonly seenUs: string;
}

/** What is ready in the lanes: roles in order of name, each with its highest priorities, highest first. */
export async function listReady(db: Queryable, lanes: readonly Lane[], levelsPerRole: number): Promise<ReadyLevel[]> {
  const { rows } = await db.query<{
    function_name: RequestFunction;
    model: string;
    username: string;
    priority: number;
    created_us: string;
    id: string;
    seen_us: string;
  }>(LIST_READY, [lanes.map(({ functionName }) => functionName), lanes.map(({ model }) => model), levelsPerRole]);
  return rows.map((row) => ({
    lane: { functionName: row.function_name, model: row.model },
    username: row.username,
    priority: row.priority,
    createdUs: row.created_us,
    id: row.id,
    seenUs: row.seen_us,
  }));
}
