import { loadQuery } from '../db/load-sql.ts';
import type { Queryable } from '../db/query.ts';
import { type Lane, laneKey } from './claimed-request.ts';

const REGISTER_WORKER = loadQuery('register_worker');

export interface WorkerRegistration {
  readonly hostname: string;
  readonly pid: number;
  readonly version: string;
  /** None for a worker that serves no requests, and for a daemon. */
  readonly lanes: readonly Lane[];
  readonly concurrency: number;
  /** Silence after which the worker counts as dead. */
  readonly leaseMs: number;
  /** `steadytext_worker_status()`, `status` and `doctor` show workers only. @default 'worker' */
  readonly kind?: 'worker' | 'daemon';
}

/** Makes a process known and grants it a lease; returns its id, new each time. */
export async function registerWorker(db: Queryable, registration: WorkerRegistration): Promise<string> {
  const { hostname, pid, version, lanes, concurrency, leaseMs, kind = 'worker' } = registration;
  const { rows } = await db.query<{ worker_id: string }>(REGISTER_WORKER, [
    hostname,
    pid,
    version,
    lanes.map(laneKey),
    concurrency,
    leaseMs,
    kind,
  ]);
  const [row] = rows;
  if (row === undefined) throw new Error('register_worker returned no row');
  return row.worker_id;
}
