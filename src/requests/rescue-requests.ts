import type { RequestFunction } from '../core/request-functions.ts';
import { loadQuery } from '../db/load-sql.ts';
import type { Queryable } from '../db/query.ts';
import type { Lane } from './claimed-request.ts';
import type { Refused } from './upkeep.ts';

const RESCUE_REQUESTS = loadQuery('rescue_requests');

export interface RescuedRequest {
  readonly id: string;
  readonly requestId: string;
  /** The worker that it was in flight with; undefined when no trace of that worker is left. */
  readonly workerId: string | undefined;
  /** `stopped`: it ended in good order, but could not hand this back. Undefined when no trace of it is left. */
  readonly workerStatus: 'dead' | 'stopped' | undefined;
  readonly status: 'pending' | 'failed';
  /** True when its worker's death counts as its failure: it was in quarantine, and alone in its lane. */
  readonly isCharged: boolean;
  /** True when it is in quarantine now. */
  readonly isQuarantined: boolean;
  readonly lane: Lane;
  /** Why it failed, or was tried again before. */
  readonly error: string | undefined;
}

export interface RescueOptions {
  /** How long the server has been reachable, and its clock has gone evenly: nobody is blamed for silence before that. @default always */
  readonly reachableMs?: number | undefined;
  /** The time of the server until which that is known, in milliseconds since 1970: silence is judged as of then. @default now */
  readonly nowMs?: number;
  /** Told of those that could not be changed, as a trigger or the like refuses it: they hold up nothing else. @default nobody */
  readonly onRefused?: (refused: Refused) => void;
}

/** Declares silent workers dead and takes back what was in flight with dead workers; see `lamplighter.rescue_requests`. */
export async function rescueRequests(
  db: Queryable,
  maxRetries: number,
  { reachableMs, nowMs, onRefused }: RescueOptions = {},
): Promise<RescuedRequest[]> {
  const { rows } = await db.query<{
    id: string;
    request_id: string;
    worker_id: string | null;
    status: 'pending' | 'failed' | 'processing';
    is_charged: boolean;
    is_quarantined: boolean;
    function_name: RequestFunction;
    model: string;
    error: string | null;
    worker_status: 'dead' | 'stopped' | null;
  }>(RESCUE_REQUESTS, [maxRetries, reachableMs ?? null, nowMs ?? null]);
  const refused = rows.filter(({ status }) => status === 'processing');
  const [first] = refused;
  if (first !== undefined) {
    onRefused?.({ requests: refused.length, requestId: first.request_id, reason: first.error ?? '' });
  }
  return rows.flatMap(({ status, ...row }) =>
    status === 'processing'
      ? []
      : {
          id: row.id,
          requestId: row.request_id,
          workerId: row.worker_id ?? undefined,
          workerStatus: row.worker_status ?? undefined,
          status,
          isCharged: row.is_charged,
          isQuarantined: row.is_quarantined,
          lane: { functionName: row.function_name, model: row.model },
          error: row.error ?? undefined,
        },
  );
}
