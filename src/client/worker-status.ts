import type { RequestFunction } from '../core/request-functions.ts';
import { loadQuery } from '../db/load-sql.ts';
import type { Queryable } from '../db/query.ts';
import { classifySqlState } from '../db/sqlstate.ts';
import { toDate } from './row-text.ts';

const LIST_WORKERS = loadQuery('list_workers');
const LIST_WORKERS_AS_WORKER = loadQuery('list_workers_as_worker');

/** A worker process as the database knows it. */
export interface WorkerStatus {
  /** The id of its lease; new after each start and each lost lease. */
  readonly workerId: string;
  readonly hostname: string;
  readonly pid: number;
  /** `dead`: its heartbeat has not come for longer than its lease. */
  readonly status: 'running' | 'sleeping' | 'stopping' | 'stopped' | 'dead';
  readonly version: string;
  /** Functions whose requests it serves. */
  readonly functions: readonly RequestFunction[];
  /** Batches of requests that it works on at once. */
  readonly concurrency: number;
  /** Requests and tasks in flight at its last heartbeat. */
  readonly inFlight: number;
  /** Attempts that ended since its start, failed ones included. */
  readonly processed: number;
  /** How many of them failed. */
  readonly failed: number;
  readonly startedAt: Date;
  readonly lastHeartbeat: Date;
}

type Row = Record<
  'worker_id' | 'hostname' | 'pid' | 'version' | 'functions' | 'concurrency' | 'in_flight' | 'processed' | 'failed',
  string
> &
  Record<'started_s' | 'last_heartbeat_s', string> & { readonly status: WorkerStatus['status'] };

/** Workers, the living first, then by their start, those that ended in the last day included; for callers and the owner, and for the roles of workers. */
export async function listWorkers(db: Queryable): Promise<WorkerStatus[]> {
  const { rows } = await db.query<Row>(LIST_WORKERS).catch((error: unknown) => {
    if (classifySqlState(error) !== 'permission') throw error;
    return db.query<Row>(LIST_WORKERS_AS_WORKER);
  });
  return rows.map((row) => ({
    workerId: row.worker_id,
    hostname: row.hostname,
    pid: Number(row.pid),
    status: row.status,
    version: row.version,
    // The query makes it a JSON array; workers register functions of ours only.
    functions: JSON.parse(row.functions) as RequestFunction[],
    concurrency: Number(row.concurrency),
    inFlight: Number(row.in_flight),
    processed: Number(row.processed),
    failed: Number(row.failed),
    startedAt: toDate(row.started_s),
    lastHeartbeat: toDate(row.last_heartbeat_s),
  }));
}
