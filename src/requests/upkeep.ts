import { loadQuery } from '../db/load-sql.ts';
import type { Queryable } from '../db/query.ts';

const CLAIM_UPKEEP = loadQuery('claim_upkeep');
const CANCEL_ABANDONED = loadQuery('cancel_abandoned');
const MEASURE_QUEUE = loadQuery('measure_queue');
const PROMOTE_REQUESTS = loadQuery('promote_requests');

interface Upkeep {
  /** True when the upkeep is this worker's now; all but `nextMs` is false otherwise. */
  readonly isClaimed: boolean;
  /** Delayed requests are to be promoted. */
  readonly hasDue: boolean;
  /** There are requests that run for a transaction which may have ended. */
  readonly hasAutonomous: boolean;
  /** The count behind `max_queue_size` is to be refreshed. */
  readonly isNearLimit: boolean;
  /** Requests are ready that some worker serves, and nobody was told of that. */
  readonly isReady: boolean;
  /** When to ask again. */
  readonly nextMs: number;
}

/** Claims the upkeep of the queue if it is due; `wasReady` is `isReady` of the last time. See `lamplighter.claim_upkeep`. */
export async function claimUpkeep(db: Queryable, workerId: string, wasReady: boolean): Promise<Upkeep> {
  const { rows } = await db.query<{
    is_claimed: boolean;
    has_due: boolean | null;
    has_autonomous: boolean | null;
    is_near_limit: boolean | null;
    is_ready: boolean | null;
    next_ms: number;
  }>(CLAIM_UPKEEP, [workerId, wasReady]);
  const [row] = rows;
  if (row === undefined) throw new Error('claim_upkeep returned no row');
  return {
    isClaimed: row.is_claimed,
    hasDue: row.has_due === true,
    hasAutonomous: row.has_autonomous === true,
    isNearLimit: row.is_near_limit === true,
    isReady: row.is_ready === true,
    nextMs: row.next_ms,
  };
}

/** Cancels requests queued outside a caller's transaction whose caller has stopped waiting; how many are still waited for. */
export async function cancelAbandoned(db: Queryable): Promise<number> {
  const { rows } = await db.query<{ remaining: string }>(CANCEL_ABANDONED);
  return Number(rows[0]?.remaining ?? 0);
}

/** Refreshes the count behind `max_queue_size` when it has come near the limit; costs one read otherwise. */
export async function measureQueue(db: Queryable): Promise<void> {
  await db.query(MEASURE_QUEUE);
}

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
