import type { RequestFunction } from '../core/request-functions.ts';
import { loadQuery } from '../db/load-sql.ts';
import type { Queryable } from '../db/query.ts';
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
  /** Most priorities to look at for each role. */
  readonly levelsPerRole: number;
}

export interface ClaimedAtOnce {
  /** All of one lane, roles in turn, each by priority, then age; none when nothing is ready that this worker can have. */
  readonly requests: ClaimedRequest[];
  /** True when requests were seen, whether or not they could be had. */
  readonly hasSeen: boolean;
}

/**
 * Looks at the queue and takes what is ready in the first of the lanes that has something, in one statement: for who knows of nothing
 * ready. Concurrent callers never get the same request.
 *
 * @throws the server's error LL001 when the worker's lease is lost and something is ready, and 55P03 when somebody has locked the table.
 */
export async function claimRequestsAtOnce(db: Queryable, claim: ClaimAtOnce): Promise<ClaimedAtOnce> {
  const { workerId, claimNumber, lanes, levelsPerRole } = claim;
  type Row = ClaimedRow & { function_name: RequestFunction; model: string };
  // Of a lane whose requests are all locked by others, a row tells without an id.
  const { rows } = await db.query<Row | { [Column in keyof Row]: null }>(CLAIM_REQUESTS_AT_ONCE, [
    workerId,
    claimNumber,
    lanes.map(({ functionName }) => functionName),
    lanes.map(({ model }) => model),
    lanes.map(({ most }) => most),
    levelsPerRole,
  ]);
  const requests = rows
    .filter((row) => row.id !== null)
    .map((row) => toClaimedRequest(row, { functionName: row.function_name, model: row.model }));
  const usernames = [...new Set(requests.map(({ username }) => username))].sort();
  return { requests: takeTurns(requests, usernames), hasSeen: rows.length > 0 };
}
