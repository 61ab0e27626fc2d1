import { loadQuery } from '../db/load-sql.ts';
import type { Queryable } from '../db/query.ts';

const RESCUE_REQUESTS = loadQuery('rescue_requests');

export interface RescuedRequest {
  readonly id: string;
  readonly requestId: string;
  /** The worker that died with it; undefined when no trace of it is left. */
  readonly workerId: string | undefined;
  readonly status: 'pending' | 'failed';
  /** True when its worker's death counts as its failure: it was in quarantine, and alone in its lane. */
  readonly isCharged: boolean;
  /** True when it does not run as any other request now, but in quarantine. */
  readonly isQuarantined: boolean;
}

export interface SilenceOptions {
  /** For how long the server has been reachable, and its clock has gone evenly: nobody is blamed for silence before that. @default always */
  readonly reachableMs?: number | undefined;
  /** The time of the server until which that is known, in milliseconds since 1970: silence is judged as of then. @default now */
  readonly nowMs?: number;
}

/** Declares silent workers dead and takes back what dead workers held; see `lamplighter.rescue_requests`. */
export async function rescueRequests(
  db: Queryable,
  maxRetries: number,
  { reachableMs, nowMs }: SilenceOptions = {},
): Promise<RescuedRequest[]> {
  const { rows } = await db.query<{
    id: string;
    request_id: string;
    worker_id: string | null;
    status: 'pending' | 'failed';
    is_charged: boolean;
    is_quarantined: boolean;
  }>(RESCUE_REQUESTS, [maxRetries, reachableMs ?? null, nowMs ?? null]);
  return rows.map((row) => ({
    id: row.id,
    requestId: row.request_id,
    workerId: row.worker_id ?? undefined,
    status: row.status,
    isCharged: row.is_charged,
    isQuarantined: row.is_quarantined,
  }));
}
