import { loadQuery } from '../../db/load-sql.ts';
import type { Queryable } from '../../db/query.ts';
import { readJsonRows } from './json-rows.ts';

const LIST_WORKER_ROWS = loadQuery('list_worker_rows');

/** A worker or a daemon. */
export interface ProcessRow {
  readonly workerId: string;
  /** As in each line of its log; shared by all leases of the process. */
  readonly processId?: string;
  readonly kind: 'worker' | 'daemon';
  readonly hostname: string;
  readonly pid: number;
  readonly status: string;
  readonly version: string;
  readonly functions: readonly string[];
  readonly lanes: readonly string[];
  readonly concurrency: number;
  readonly inFlight: number;
  readonly taskConcurrency?: number;
  readonly processed: number;
  readonly failed: number;
  /** Resident memory of the whole process at the last heartbeat. */
  readonly memoryBytes?: number;
  /** Those of `lanes` whose model could not be used at the last heartbeat. */
  readonly unavailableLanes?: readonly string[];
  readonly startedAt: string;
  readonly lastHeartbeat: string;
  /** Until when what it holds is safe from others. */
  readonly leaseUntil: string;
}

/** Workers and daemons, the living first. */
export function listProcesses(db: Queryable): Promise<readonly ProcessRow[]> {
  return readJsonRows<ProcessRow>(db, LIST_WORKER_ROWS, []);
}
