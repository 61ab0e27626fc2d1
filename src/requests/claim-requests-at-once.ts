import type { RequestFunction } from '../core/request-functions.ts';
import { loadQuery } from '../db/load-sql.ts';
import type { Queryable } from '../db/query.ts';
import { SQLSTATE, sqlStateOf } from '../db/sqlstate.ts';
import { takeTurns } from './claim-requests.ts';
import {
  type ClaimedRequest,
  type ClaimedRow,
  type ClaimName,
  type Lane,
  toClaimedRequest,
} from './claimed-request.ts';

const CLAIM_REQUESTS_AT_ONCE = loadQuery('claim_requests_at_once');

export interface LaneRoom extends Lane {
  /** Most requests to take. */
  readonly most: number;
}

export interface ClaimAtOnce extends ClaimName {
  /** In the order in which to try them. */
  readonly lanes: readonly LaneRoom[];
}

/**
 * Takes all that is ready in the first of the lanes that has anything, roles in turn, each by priority, then age: in one statement, for
 * who knows of nothing ready. An empty list means that nothing is ready; undefined that a scan has to come first, as there is too much, or others have locked it or
 * the whole table. Concurrent callers never get the same request.
 *
 * @throws the server's error LL001 when the worker's lease is lost and something is ready.
 */
export async function claimRequestsAtOnce(
  db: Queryable,
  { workerId, claimNumber, lanes }: ClaimAtOnce,
): Promise<ClaimedRequest[] | undefined> {
  try {
    const { rows } = await db.query<ClaimedRow & { id: string | null; function_name: RequestFunction; model: string }>(
      CLAIM_REQUESTS_AT_ONCE,
      [
        workerId,
        claimNumber,
        lanes.map(({ functionName }) => functionName),
        lanes.map(({ model }) => model),
        lanes.map(({ most }) => most),
      ],
    );
    if (rows.some(({ id }) => id === null)) return undefined;
    const requests = rows.map((row) => toClaimedRequest(row, { functionName: row.function_name, model: row.model }));
    return takeTurns(requests, [...new Set(requests.map(({ username }) => username))].sort());
  } catch (error) {
    if (sqlStateOf(error) === SQLSTATE.lockNotAvailable) return undefined;
    throw error;
  }
}
