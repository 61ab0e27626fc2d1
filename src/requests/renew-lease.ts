import { loadQuery } from '../db/load-sql.ts';
import type { Queryable } from '../db/query.ts';

const RENEW_LEASE = loadQuery('renew_lease');

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
}

/** Extends the lease and publishes the figures. False when the lease was lost: whatever the worker holds is no longer its own. */
export async function renewLease(db: Queryable, report: LeaseReport): Promise<boolean> {
  const { workerId, status, concurrency, inFlight, processed, failed, settledClaims } = report;
  const { rows } = await db.query<{ is_alive: boolean }>(RENEW_LEASE, [
    workerId,
    status,
    concurrency,
    inFlight,
    processed,
    failed,
    settledClaims,
  ]);
  return rows[0]?.is_alive === true;
}
