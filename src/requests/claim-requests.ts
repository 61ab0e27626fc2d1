import { groupBy } from '../core/group-by.ts';
import { loadQuery } from '../db/load-sql.ts';
import type { Queryable } from '../db/query.ts';
import {
  type ClaimedRequest,
  type ClaimedRow,
  type ClaimName,
  compareAge,
  type Lane,
  toClaimedRequest,
} from './claimed-request.ts';
import type { ReadyLevel } from './list-ready.ts';

const CLAIM_REQUESTS = loadQuery('claim_requests');

export interface Claim extends ClaimName {
  readonly lane: Lane;
  /** Levels of that lane in the order in which to try them, the levels of one role together. */
  readonly levels: readonly ReadyLevel[];
  /** Most requests of one role; fewer where there is not enough for an even share of all, see {@link requestsAskedFor}. */
  readonly share: number;
  readonly limit: number;
  /** Passes over rows that cannot be changed, as a trigger or the like refuses it, at a price for each row. @default false */
  readonly isCareful?: boolean;
}

/**
 * Takes up to `limit` ready requests; concurrent callers never get the same one. Roles take turns in the order of their levels,
 * each by priority, then age. None when the levels were seen more than two seconds ago.
 *
 * @throws the server's error LL001 when the worker's lease is lost.
 */
export async function claimRequests(db: Queryable, claim: Claim): Promise<ClaimedRequest[]> {
  const { workerId, claimNumber, lane, levels, share, limit, isCareful = false } = claim;
  const { rows } = await db.query<ClaimedRow>(CLAIM_REQUESTS, [
    workerId,
    claimNumber,
    lane.functionName,
    lane.model,
    levels.map(({ username }) => username),
    levels.map(({ priority }) => priority),
    levels.map(({ createdUs }) => createdUs),
    levels.map(({ id }) => id),
    latest(levels),
    share,
    limit,
    isCareful,
  ]);
  const requests = rows.map((row) => toClaimedRequest(row, lane));
  return takeTurns(requests, [...new Set(levels.map(({ username }) => username))]);
}

/**
 * How many requests of a role lamplighter.claim_requests looks for: an even share of what the roles before it have left.
 *
 * @param left what is left of the limit
 * @param roles how many roles are still to come, this one included
 */
export function requestsAskedFor(left: number, roles: number, share: number): number {
  return Math.min(share, Math.ceil(left / roles));
}

/** The requests by priority, then age; those of several roles one of each after the other, as if each had been claimed alone. */
export function takeTurns(requests: readonly ClaimedRequest[], usernames: readonly string[]): ClaimedRequest[] {
  const sorted = [...requests].sort(byUrgency);
  if (usernames.length < 2) return sorted;
  const byRole = groupBy(sorted, ({ username }) => username);
  const queues = usernames.map((username) => byRole.get(username) ?? []);
  const longest = Math.max(...queues.map(({ length }) => length));
  return Array.from({ length: longest }, (_, turn) => queues.flatMap((queue) => queue.slice(turn, turn + 1))).flat();
}

/** The end of the scan that found them. */
function latest(levels: readonly ReadyLevel[]): string {
  return String(levels.reduce((latestUs, { seenUs }) => Math.max(latestUs, Number(seenUs)), 0));
}

function byUrgency(a: ClaimedRequest, b: ClaimedRequest): number {
  if (a.priority !== b.priority) return b.priority - a.priority;
  return compareAge(a, b);
}
