import { PROCESS_ID } from '../core/process-id.ts';
import { loadQuery } from '../db/load-sql.ts';
import type { Queryable } from '../db/query.ts';

const REGISTER_WORKER = loadQuery('register_worker');

/** A worker answers requests and runs tasks; a daemon keeps embeddings in step. */
export type ProcessKind = 'worker' | 'daemon';

export interface WorkerRegistration {
  /** `steadytext_worker_status()`, `status` and `doctor` show workers only. @default 'worker' */
  readonly kind?: ProcessKind;
  readonly hostname: string;
  readonly pid: number;
  readonly version: string;
  /** What it serves, as `function:model`; none for a worker that serves no requests, and for a daemon. */
  readonly lanes: readonly string[];
  readonly concurrency: number;
  /** Silence after which the worker counts as dead. */
  readonly leaseMs: number;
}

/** Makes a process known and grants it a lease; returns the id of the lease, new each time. */
export async function registerWorker(db: Queryable, registration: WorkerRegistration): Promise<string> {
  const { hostname, pid, version, lanes, concurrency, leaseMs, kind = 'worker' } = registration;
  const { rows } = await db.query<{ worker_id: string }>(REGISTER_WORKER, [
    hostname,
    pid,
    version,
    lanes,
    concurrency,
    leaseMs,
    kind,
    PROCESS_ID,
  ]);
  const [row] = rows;
  if (row === undefined) throw new Error('register_worker returned no row');
  return row.worker_id;
}
