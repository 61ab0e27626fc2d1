import { loadQuery } from '../db/load-sql.ts';
import type { Queryable } from '../db/query.ts';
import { type Lane, laneKey } from './claimed-request.ts';

const REGISTER_WORKER = loadQuery('register_worker');

export interface WorkerRegistration {
  readonly hostname: string;
  readonly pid: number;
  readonly version: string;
  readonly lanes: readonly Lane[];
  readonly concurrency: number;
  /** Silence after which the worker counts as dead. */
  readonly leaseMs: number;
}

/** Makes a worker known and grants it a lease; returns its id, new each time. */
export async function registerWorker(db: Queryable, registration: WorkerRegistration): Promise<string> {
  const { hostname, pid, version, lanes, concurrency, leaseMs } = registration;
  const { rows } = await db.query<{ worker_id: string }>(REGISTER_WORKER, [
    hostname,
    pid,
    version,
    lanes.map(laneKey),
    concurrency,
    leaseMs,
  ]);
  const [row] = rows;
  if (row === undefined) throw new Error('register_worker returned no row');
  return row.worker_id;
}
