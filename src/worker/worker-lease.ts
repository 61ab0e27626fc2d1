import type { Clock } from '../core/clock.ts';
import type { Logger } from '../core/log.ts';
import type { Troubles } from '../core/recurring-trouble.ts';
import { type Service, startLoop } from '../core/service.ts';
import type { Queryable } from '../db/query.ts';
import { registerWorker, type WorkerRegistration } from '../requests/register-worker.ts';
import { type LeaseReport, type RenewedLease, renewLease } from '../requests/renew-lease.ts';
import type { Duties } from './duties.ts';
import type { InFlight } from './in-flight.ts';

export interface WorkerLeaseDeps {
  readonly db: Queryable;
  readonly inFlight: InFlight;
  readonly registration: WorkerRegistration;
  readonly heartbeatMs: number;
  /** What the worker does now, for the record. */
  readonly figures: () => Pick<LeaseReport, 'concurrency' | 'processed' | 'failed' | 'troubles'>;
  /** Told with the heartbeat that requests are in quarantine which this worker could run. */
  readonly onQuarantined: () => void;
  readonly duties: Duties;
  /** Told with the heartbeat what settings hold, and whether nobody looks after the queue. */
  readonly onRenewed: (renewed: Pick<RenewedLease, 'settings' | 'isUpkeepLate'>) => void;
  readonly log: Logger;
  readonly troubles: Troubles;
  readonly clock: Clock;
}

export interface WorkerLease extends Service {
  /** The id under which to claim now; a lost lease brings a new one. */
  readonly workerId: string;
  /** Says that nothing more is claimed. */
  announceStopping(): void;
  /** Looks at once whether the lease still holds, e.g. after the server has said that it does not. */
  check(): void;
  /**
   * Goes on under a new id, after a claim whose answer was lost: the server may have given requests to the old id that this process
   * knows nothing of. The old lease is kept until what is known to be held under it has ended; what is left then is rescued.
   */
  retire(): void;
}

/**
 * Duty: keeps the worker's lease alive and publishes its figures. When the lease is lost (the process was stopped or cut off for longer
 * than the lease), all work in hand is dropped, as others have it now, and the worker registers anew. If the process dies, the lease
 * runs out by itself.
 */
export async function startWorkerLease(deps: WorkerLeaseDeps): Promise<WorkerLease> {
  const { db, inFlight, registration, heartbeatMs, figures, onQuarantined, duties, onRenewed, log, troubles, clock } =
    deps;
  const trouble = troubles.define('renew the lease');
  const retired = new Set<string>();
  let workerId = await registerWorker(db, registration);
  let status: LeaseReport['status'] = 'running';
  let isToRetire = false;

  async function report(id: string, ownStatus: LeaseReport['status']): Promise<boolean> {
    const settledClaims = inFlight.listSettledClaims(id);
    const startedMs = clock.nowMs();
    const isAtWork = ownStatus === 'running';
    const renewed = await renewLease(db, {
      workerId: id,
      status: ownStatus,
      // What is in hand then is in hand under a later id.
      inFlight: ownStatus === 'stopped' ? 0 : inFlight.size,
      settledClaims,
      ...figures(),
      duties: isAtWork ? duties.offer() : [],
    });
    const { isAlive, hasQuarantined, serverMs } = renewed;
    if (isAtWork) {
      duties.note({ startedMs, endedMs: clock.nowMs(), serverMs }, renewed.duties);
      onRenewed(renewed);
    }
    if (hasQuarantined) onQuarantined();
    // Of a worker that is over, the rescuer forgets the rest.
    inFlight.forgetClaims(id, isAlive && ownStatus !== 'stopped' ? settledClaims : undefined);
    return isAlive;
  }

  async function replaceId(): Promise<string> {
    const old = workerId;
    workerId = await registerWorker(db, { ...registration, concurrency: figures().concurrency });
    isToRetire = false;
    return old;
  }

  async function renew(): Promise<void> {
    if (isToRetire) {
      retired.add(await replaceId());
      log.warn({ workerId }, 'the answer to a claim was lost: the worker goes on under a new id');
    }
    if (await report(workerId, status)) return;
    const dropped = inFlight.size;
    inFlight.abortAll('lost', workerId);
    await replaceId();
    log.warn(
      { workerId, dropped },
      'the lease was lost: requests in hand were dropped, the worker goes on under a new id',
    );
  }

  async function renewRetired(): Promise<void> {
    for (const id of retired) {
      const isOver = status === 'stopped' || !inFlight.hasAnyOf(id);
      const isAlive = await report(id, isOver ? 'stopped' : 'stopping');
      if (!isAlive) inFlight.abortAll('lost', id);
      if (isOver || !isAlive) retired.delete(id);
    }
  }

  const loop = startLoop({
    intervalMs: heartbeatMs,
    // A failure is no failure of the loop, which would pause for longer than the lease may have left.
    async runOnce() {
      try {
        await renew();
        await renewRetired();
        trouble.settle();
      } catch (error) {
        duties.noteFailure();
        trouble.note(error);
      }
    },
    onError: () => undefined,
    onDeath: (error) => trouble.die(error),
    clock,
  });

  trouble.onRecovery(() => loop.wake());

  return {
    get workerId() {
      return workerId;
    },
    check: () => loop.wake(),
    announceStopping() {
      status = 'stopping';
      loop.wake();
    },
    retire() {
      isToRetire = true;
      loop.wake();
    },
    async stop() {
      await loop.stop();
      status = 'stopped';
      try {
        await report(workerId, status);
        await renewRetired();
      } catch (error) {
        log.warn({ err: error }, 'could not sign off; the lease will run out by itself');
      }
    },
  };
}
