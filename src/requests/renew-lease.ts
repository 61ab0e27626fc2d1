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
}

/** Extends the lease and publishes the figures. False when the lease was lost: whatever the worker holds is no longer its own. */
export async function renewLease(db: Queryable, report: LeaseReport): Promise<boolean> {
  const { workerId, status, concurrency, inFlight, processed, failed } = report;
  const { rows } = await db.query<{ is_alive: boolean }>(RENEW_LEASE, [
    workerId,
    status,
    concurrency,
    inFlight,
    processed,
    failed,
  ]);
  return rows[0]?.is_alive === true;
}
