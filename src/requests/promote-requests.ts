import { loadQuery } from '../db/load-sql.ts';
import type { Queryable } from '../db/query.ts';

const PROMOTE_REQUESTS = loadQuery('promote_requests');

/** Requests that could not be changed, as a trigger or the like refuses it: one of them, and why. */
export interface Refused {
  readonly requests: number;
  readonly requestId: string;
  readonly reason: string;
}

/**
 * Makes requests ready whose delay is over, or gives them back to their quarantine; how many, at most `limit`. `onRefused` is told of
 * those that could not be changed: they hold up nothing else, and are tried again by the next call.
 */
export async function promoteRequests(
  db: Queryable,
  limit: number,
  onRefused?: (refused: Refused) => void,
): Promise<number> {
  const { rows } = await db.query<{
    promoted: string;
    refused: string;
    refused_request_id: string | null;
    refused_reason: string | null;
  }>(PROMOTE_REQUESTS, [limit]);
  const [row] = rows;
  const requests = Number(row?.refused ?? 0);
  if (requests > 0) {
    onRefused?.({ requests, requestId: row?.refused_request_id ?? '', reason: row?.refused_reason ?? '' });
  }
  return Number(row?.promoted ?? 0);
}
