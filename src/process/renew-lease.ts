import { HOST_PROCESS } from '../core/host-process.ts';
import { PROCESS_ID } from '../core/process-id.ts';
import { loadQuery } from '../db/load-sql.ts';
import type { Queryable } from '../db/query.ts';

const RENEW_LEASE = loadQuery('renew_lease');
const REGISTER_WORKER = loadQuery('register_worker');

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

/** A setting kept in the database, as it holds now for everybody. */
export interface PublishedSetting {
  readonly name: string;
  readonly value: string;
  readonly origin: 'server' | 'table' | 'default';
}

export interface LeaseReport {
  readonly workerId: string;
  readonly status: 'running' | 'stopping' | 'stopped';
  readonly concurrency: number;
  readonly inFlight: number;
  /** Attempts ended since the worker was registered, failed ones included. */
  readonly processed: number;
  readonly failed: number;
  /** Resident memory of the process, without those of its engines. @default unknown */
  readonly memoryBytes?: number;
  /** Numbers of claims of which nothing is in flight any more. */
  readonly settledClaims: readonly number[];
  /** @default none */
  readonly troubles?: readonly ModelTrouble[];
  /** Names of duties that the worker would do, and after how long each is due again; 0 is at once. @default none */
  readonly duties?: readonly DutyOffer[];
}

export interface DutyOffer {
  readonly name: string;
  readonly intervalMs: number;
}

export interface RenewedLease {
  /** False when the lease was lost: whatever the worker holds is no longer its own. */
  readonly isAlive: boolean;
  /** True when requests are in quarantine, of whatever lane and perhaps in somebody's hands: whoever tries to claim them finds out. */
  readonly hasQuarantined: boolean;
  /** The clock of the server, in milliseconds since 1970. */
  readonly serverMs: number;
  /** Names of the duties that are this worker's now. */
  readonly duties: readonly string[];
  /** True when no worker looks after the queue, see `claim_upkeep`. */
  readonly isUpkeepLate: boolean;
  /** What holds now, as published. */
  readonly settings: readonly PublishedSetting[];
}

/** Extends the lease and publishes the figures. */
export async function renewLease(db: Queryable, report: LeaseReport): Promise<RenewedLease> {
  const {
    workerId,
    status,
    concurrency,
    inFlight,
    processed,
    failed,
    memoryBytes,
    settledClaims,
    troubles = [],
    duties = [],
  } = report;
  const { rows } = await db.query<{
    is_alive: boolean;
    has_quarantined: boolean;
    now_ms: string;
    duties: string[] | null;
    is_upkeep_late: boolean;
    settings: PublishedSetting[] | null;
  }>(RENEW_LEASE, [
    workerId,
    status,
    concurrency,
    inFlight,
    processed,
    failed,
    settledClaims,
    JSON.stringify(troubles),
    duties.map(({ name }) => name),
    duties.map(({ intervalMs }) => intervalMs),
    memoryBytes,
  ]);
  const [row] = rows;
  if (row === undefined) throw new Error('renew_lease returned no row');
  return {
    isAlive: row.is_alive,
    hasQuarantined: row.has_quarantined,
    serverMs: Number(row.now_ms),
    duties: row.duties ?? [],
    isUpkeepLate: row.is_upkeep_late,
    settings: row.settings ?? [],
  };
}

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
    HOST_PROCESS,
  ]);
  const [row] = rows;
  if (row === undefined) throw new Error('register_worker returned no row');
  return row.worker_id;
}
