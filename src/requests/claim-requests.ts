import { groupBy } from '../core/group-by.ts';
import type { RequestFunction } from '../core/request-functions.ts';
import { loadQuery } from '../db/load-sql.ts';
import type { Queryable } from '../db/query.ts';
import { SQLSTATE, sqlStateOf } from '../db/sqlstate.ts';
import { type ClaimedRequest, type ClaimName, compareAge, type Lane } from './claimed-request.ts';

const LIST_READY = loadQuery('list_ready');
const CLAIM_REQUESTS = loadQuery('claim_requests');
const CLAIM_REQUESTS_AT_ONCE = loadQuery('claim_requests_at_once');
const CLAIM_QUARANTINED = loadQuery('claim_quarantined');

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

interface Claim extends ClaimName {
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
function takeTurns(requests: readonly ClaimedRequest[], usernames: readonly string[]): ClaimedRequest[] {
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

/** A lane, and how many requests of it are wanted at most. */
export interface LaneRoom extends Lane {
  readonly most: number;
}

interface ClaimAtOnce extends ClaimName {
  /** The lanes in the order in which to try them. */
  readonly lanes: readonly LaneRoom[];
}

/**
 * Takes all that is ready in the first lane that has anything, roles in turn, each by priority, then age: in one statement, for a worker
 * that knows of no level. An empty list means that nothing is ready. Undefined means that a scan has to come first: there is too much, or
 * others have locked it or the whole table. Concurrent callers never get the same request.
 *
 * @throws the server's error LL001 when the worker's lease is lost and something is ready.
 */
export async function claimRequestsAtOnce(
  db: Queryable,
  { lanes, ...name }: ClaimAtOnce,
): Promise<ClaimedRequest[] | undefined> {
  try {
    const rows = await claimAmong<{ id: string | null }>(db, CLAIM_REQUESTS_AT_ONCE, name, lanes);
    if (rows.some(({ id }) => id === null)) return undefined;
    const requests = rows.map(toClaimedFrom);
    return takeTurns(requests, [...new Set(requests.map(({ username }) => username))].sort());
  } catch (error) {
    if (sqlStateOf(error) === SQLSTATE.lockNotAvailable) return undefined;
    throw error;
  }
}

/**
 * Takes requests of one lane that are in quarantine: several only if two workers each have died with them; none when there are none. The
 * worker must run nothing else of that lane, and nothing else in quarantine, until it has finished them: that is how the request that
 * kills workers is told from its neighbours.
 *
 * @throws the server's error LL001 when the worker's lease is lost.
 */
export async function claimQuarantined(
  db: Queryable,
  name: ClaimName,
  lanes: readonly LaneRoom[],
): Promise<ClaimedRequest[]> {
  return (await claimAmong(db, CLAIM_QUARANTINED, name, lanes)).map(toClaimedFrom);
}

interface RowOfLane extends ClaimedRow {
  readonly function_name: RequestFunction;
  readonly model: string;
}

/** The rows of a claim that chooses the lane itself. */
async function claimAmong<Row extends object>(
  db: Queryable,
  query: string,
  { workerId, claimNumber }: ClaimName,
  lanes: readonly LaneRoom[],
): Promise<(RowOfLane & Row)[]> {
  const { rows } = await db.query<RowOfLane & Row>(query, [
    workerId,
    claimNumber,
    lanes.map(({ functionName }) => functionName),
    lanes.map(({ model }) => model),
    lanes.map(({ most }) => most),
  ]);
  return rows;
}

function toClaimedFrom(row: RowOfLane): ClaimedRequest {
  return toClaimedRequest(row, { functionName: row.function_name, model: row.model });
}

interface ClaimedRow {
  id: string;
  request_id: string;
  username: string;
  parameters: string | null | undefined;
  priority: number;
  created_us: string;
  attempt: number;
  retry_count: number;
  traceparent?: string | null;
}

/** The request in a row. Its parameters move: the driver may keep rows for longer than anyone needs them. */
export function toClaimedRequest(row: ClaimedRow, lane: Lane): ClaimedRequest {
  const { parameters } = row;
  row.parameters = undefined;
  return {
    id: row.id,
    requestId: row.request_id,
    lane,
    username: row.username,
    parameters,
    priority: row.priority,
    createdUs: row.created_us,
    attempt: row.attempt,
    retryCount: row.retry_count,
    traceparent: row.traceparent ?? null,
  };
}
