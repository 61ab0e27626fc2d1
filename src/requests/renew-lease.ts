import { loadQuery } from '../db/load-sql.ts';
import type { Queryable } from '../db/query.ts';

const RENEW_LEASE = loadQuery('renew_lease');

/** A model that is unavailable, as it is kept in `lamplighter.worker.troubles`. */
export interface ModelTrouble {
  readonly model: string;
  /** Keys of the lanes that it answers. */
  readonly lanes: readonly string[];
  /** Its own words; they may quote a request. */
  readonly error: string;
  readonly for_ms: number;
  /** Requests that it has put off. */
  readonly waiting: number;
}

export interface LeaseReport {
  readonly workerId: string;
  readonly status: 'running' | 'stopping' | 'stopped';
  readonly concurrency: number;
  readonly inFlight: number;
  /** Attempts ended since the worker was registered, failed ones included. */
  readonly processed: number;
  readonly failed: number;
  /** Numbers of claims of which nothing is held any more. */
  readonly settledClaims: readonly number[];
  /** @default none */
  readonly troubles?: readonly ModelTrouble[];
}

export interface RenewedLease {
  /** False when the lease was lost: whatever the worker holds is no longer its own. */
  readonly isAlive: boolean;
  /** True when requests are in quarantine, of whatever lane and perhaps in somebody's hands: whoever tries to claim them finds out. */
  readonly hasQuarantined: boolean;
}

/** Extends the lease and publishes the figures. */
export async function renewLease(db: Queryable, report: LeaseReport): Promise<RenewedLease> {
  const { workerId, status, concurrency, inFlight, processed, failed, settledClaims, troubles = [] } = report;
  const { rows } = await db.query<{ is_alive: boolean; has_quarantined: boolean }>(RENEW_LEASE, [
    workerId,
    status,
    concurrency,
    inFlight,
    processed,
    failed,
    settledClaims,
    JSON.stringify(troubles),
  ]);
  return { isAlive: rows[0]?.is_alive === true, hasQuarantined: rows[0]?.has_quarantined === true };
}
