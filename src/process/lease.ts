import type { Clock } from '../core/clock.ts';
import { residentBytes } from '../core/env.ts';
import type { Logger } from '../core/log.ts';
import type { Troubles } from '../core/recurring-trouble.ts';
import { type Service, startLoop } from '../core/service.ts';
import type { Queryable } from '../db/query.ts';
import type { Duties } from './duties.ts';
import { type LeaseReport, registerWorker, renewLease, type WorkerRegistration } from './renew-lease.ts';
import type { LeaseHolder, Workload } from './workload.ts';

/** A workload, as far as the lease concerns it. */
type Leased = Pick<Workload, 'name' | 'inFlight' | 'hasInFlight' | 'figures' | 'claims' | 'abort' | 'onRenewed'>;

export interface LeaseDeps {
  readonly db: Queryable;
  readonly registration: Omit<WorkerRegistration, 'concurrency'>;
  readonly heartbeatMs: number;
  /** All that they have in flight was claimed under this lease. */
  readonly workloads: readonly Leased[];
  readonly duties: Duties;
  readonly log: Logger;
  readonly troubles: Troubles;
  readonly clock: Clock;
}

export interface Lease extends LeaseHolder, Service {
  /** Says that nothing more is claimed. */
  announceStopping(): void;
}

/**
 * Duty: keeps the lease of the process alive, publishes the figures of its workloads and offers its duties. When the lease is lost (the
 * process was stopped or cut off for longer than the lease), all work in flight is dropped, as others have it now, and the process
 * registers anew. If it dies, the lease runs out by itself. Has registered when it resolves.
 */
export async function startLease(deps: LeaseDeps): Promise<Lease> {
  const { db, registration, heartbeatMs, workloads, duties, log, troubles, clock } = deps;
  const trouble = troubles.define('renew the lease');
  const ledgers = workloads.flatMap(({ claims }) => (claims === undefined ? [] : [claims]));
  const { kind = 'worker' } = registration;
  const retired = new Set<string>();
  let workerId = await register();
  let status: LeaseReport['status'] = 'running';
  let isToRetire = false;
  /** When the next heartbeat is to begin. */
  let dueMs = Number.POSITIVE_INFINITY;

  function register(): Promise<string> {
    return registerWorker(db, { ...registration, concurrency: sumFigures(workloads).concurrency });
  }

  async function report(id: string, ownStatus: LeaseReport['status']): Promise<boolean> {
    const settledClaims = ledgers.map((ledger) => ledger.listSettledClaims(id));
    const startedMs = clock.nowMs();
    const isAtWork = ownStatus === 'running';
    const renewed = await renewLease(db, {
      workerId: id,
      status: ownStatus,
      // Work that is in flight by then was claimed under a later id.
      inFlight: ownStatus === 'stopped' ? 0 : countInFlight(workloads),
      memoryBytes: residentBytes(),
      settledClaims: settledClaims.flat(),
      ...sumFigures(workloads),
      duties: isAtWork ? duties.offer() : [],
    });
    const { isAlive, serverMs } = renewed;
    if (isAtWork) {
      duties.note({ startedMs, endedMs: clock.nowMs(), serverMs }, renewed.duties);
      for (const workload of workloads) workload.onRenewed?.(renewed);
    }
    // The rescue forgets the claims of a lease that is over.
    const isKept = isAlive && ownStatus !== 'stopped';
    for (const [at, ledger] of ledgers.entries()) ledger.forgetClaims(id, isKept ? settledClaims[at] : undefined);
    return isAlive;
  }

  async function replaceId(): Promise<string> {
    const old = workerId;
    workerId = await register();
    isToRetire = false;
    return old;
  }

  function drop(id: string): void {
    for (const workload of workloads) workload.abort('lost', id);
  }

  async function renew(): Promise<void> {
    if (isToRetire) {
      retired.add(await replaceId());
      log.warn({ workerId }, `the answer to a claim was lost: the ${kind} goes on under a new id`);
    }
    if (await report(workerId, status)) return;
    const dropped = countInFlight(workloads);
    drop(workerId);
    await replaceId();
    log.warn(
      { workerId, dropped },
      `the lease was lost: what was in flight was dropped, the ${kind} goes on under a new id`,
    );
  }

  async function renewRetired(): Promise<void> {
    for (const id of retired) {
      const isOver = status === 'stopped' || !workloads.some((workload) => workload.hasInFlight(id));
      const isAlive = await report(id, isOver ? 'stopped' : 'stopping');
      if (!isAlive) drop(id);
      if (isOver || !isAlive) retired.delete(id);
    }
  }

  /** Also by code of the user's in this process, such as a model that computes there. */
  function warnOfStandstill(): void {
    const lateMs = clock.nowMs() - dueMs;
    if (lateMs < registration.leaseMs / 2) return;
    const [late, lease] = [lateMs, registration.leaseMs].map((ms) => `${(ms / 1_000).toFixed(1)} s`);
    log.warn(
      { lateMs: Math.round(lateMs) },
      `nothing went on in this process for ${late}: it could not renew its lease of ${lease}, and others may have what it had in flight. Code that computes for so long needs a worker thread or a process of its own`,
    );
  }

  const loop = startLoop({
    intervalMs: heartbeatMs,
    // A failure is no failure of the loop, which would pause for longer than the lease may have left.
    async runOnce() {
      warnOfStandstill();
      try {
        await renew();
        await renewRetired();
        trouble.settle();
      } catch (error) {
        duties.noteFailure();
        trouble.note(error);
      } finally {
        dueMs = clock.nowMs() + heartbeatMs;
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

function countInFlight(workloads: readonly Leased[]): number {
  return workloads.reduce((sum, { inFlight }) => sum + inFlight, 0);
}

function sumFigures(
  workloads: readonly Leased[],
): Required<Pick<LeaseReport, 'concurrency' | 'processed' | 'failed' | 'troubles'>> {
  const figures = workloads.map((workload) => workload.figures());
  const sum = (of: 'concurrency' | 'processed' | 'failed') =>
    figures.reduce((total, each) => total + (each[of] ?? 0), 0);
  return {
    concurrency: sum('concurrency'),
    processed: sum('processed'),
    failed: sum('failed'),
    troubles: figures.flatMap(({ troubles = [] }) => troubles),
  };
}
