import type { Clock } from '../core/clock.ts';
import type { Logger } from '../core/log.ts';
import { type Service, startLoop } from '../core/service.ts';
import type { Queryable } from '../db/query.ts';
import { registerWorker, type WorkerRegistration } from '../requests/register-worker.ts';
import { type LeaseReport, renewLease } from '../requests/renew-lease.ts';
import type { InFlight } from './in-flight.ts';

export interface WorkerLeaseDeps {
  readonly db: Queryable;
  readonly inFlight: InFlight;
  readonly registration: WorkerRegistration;
  readonly heartbeatMs: number;
  /** What the worker does now, for the record. */
  readonly figures: () => Pick<LeaseReport, 'concurrency' | 'processed' | 'failed'>;
  readonly log: Logger;
  readonly clock: Clock;
}

export interface WorkerLease extends Service {
  /** The id under which to claim now; a lost lease brings a new one. */
  readonly workerId: string;
  /** Says that nothing more is claimed. */
  announceStopping(): Promise<void>;
  /** Looks at once whether the lease still holds, e.g. after the server has said that it does not. */
  check(): void;
}

/**
 * Duty: keeps the worker's lease alive and publishes its figures. When the lease is lost (the process was stopped or cut off for longer
 * than the lease), all work in hand is dropped, as others have it now, and the worker registers anew. If the process dies, the lease
 * runs out by itself.
 */
export async function startWorkerLease(deps: WorkerLeaseDeps): Promise<WorkerLease> {
  const { db, inFlight, registration, heartbeatMs, figures, log, clock } = deps;
  let workerId = await registerWorker(db, registration);
  let status: LeaseReport['status'] = 'running';

  const renew = async () => {
    const isAlive = await renewLease(db, { workerId, status, inFlight: inFlight.size, ...figures() });
    if (isAlive || status === 'stopped') return;
    const dropped = inFlight.size;
    inFlight.abortAll('lost');
    workerId = await registerWorker(db, registration);
    log.warn(
      { workerId, dropped },
      'the lease was lost: requests in hand were dropped, the worker goes on under a new id',
    );
  };
  const loop = startLoop({
    intervalMs: heartbeatMs,
    runOnce: renew,
    onError: (error) => log.warn({ err: error }, 'could not renew the lease'),
    clock,
  });

  return {
    get workerId() {
      return workerId;
    },
    check: () => loop.wake(),
    async announceStopping() {
      status = 'stopping';
      loop.wake();
    },
    async stop() {
      await loop.stop();
      status = 'stopped';
      await renew().catch((error: unknown) =>
        log.warn({ err: error }, 'could not sign off; the lease will run out by itself'),
      );
    },
  };
}
