import type { Clock } from '../core/clock.ts';
import { hostname, pid } from '../core/env.ts';
import { LamplighterError, messageOf } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import { withProcessId } from '../core/process-id.ts';
import { createTroubles } from '../core/recurring-trouble.ts';
import type { Service } from '../core/service.ts';
import { VERSION } from '../core/version.ts';
import type { ConnectionSettings } from '../db/connection/connection-settings.ts';
import { type ConnectionPlan, createSessionRoom, describePlan } from '../db/connection-budget.ts';
import { DATABASE_TROUBLE } from '../db/database-trouble.ts';
import { requireSchema } from '../db/migrate/schema-state.ts';
import { requireWritableServer } from '../db/migrate/writable-server.ts';
import { type NotificationRoute, startNotificationRouter } from '../db/notification-router.ts';
import { createPool } from '../db/pool.ts';
import { createMeter } from '../monitoring/meter.ts';
import { createDeathWatch } from './death-watch.ts';
import { createDuties } from './duties.ts';
import { type Lease, startLease } from './lease.ts';
import { startMeasurer } from './measurer.ts';
import type { ProcessKind } from './renew-lease.ts';
import { createStop, type StopOptions, stopAll } from './stop.ts';
import { createVitals, type Vitals } from './vitals.ts';
import type { WorkDone } from './work-done.ts';
import type { LeaseHolder, Workload, WorkloadContext, WorkloadFactory } from './workload.ts';

export interface StartWorkloadsOptions {
  readonly kind: ProcessKind;
  readonly settings: ConnectionSettings;
  /** What the process works on; opened in this order. */
  readonly workloads: readonly WorkloadFactory[];
  readonly leaseMs: number;
  readonly heartbeatMs: number;
  readonly connections: ConnectionPlan;
  readonly log: Logger;
  readonly clock: Clock;
  /** Gives up opening; what has started is stopped by `stop`. @default never */
  readonly signal?: AbortSignal | undefined;
}

/** A process at work on one database. */
export interface RunningWorkloads extends Service {
  /** The id under which it holds what it has claimed; a lost lease changes it. */
  readonly workerId: string;
  /** The log that was given, with `processId` and `workerId` on each line. */
  readonly log: Logger;
  /** The work done, by workload; available after the stop, too. */
  workDone(): readonly WorkDone[];
  /**
   * Resolves, if ever, with WORKER_FAILED: a part of the process has ended by a fault. It then begins to stop by itself, at once, as it
   * must not claim what it may not be able to record.
   */
  readonly died: Promise<LamplighterError>;
  readonly vitals: Vitals;
  /**
   * Claims nothing more, lets what runs finish for up to 20 s, hands back the rest, and resolves when everything is closed. A second
   * call with `isImmediate` cuts the wait short.
   */
  stop(options?: StopOptions): Promise<void>;
}

/**
 * Runs workloads on one database, under one lease, with one pool and one LISTEN session: opens all, is granted the lease, starts all. If
 * the process dies, the lease runs out and what it had in flight is rescued.
 *
 * @throws LamplighterError SCHEMA_MISSING, SCHEMA_TOO_OLD, SCHEMA_TOO_NEW, PERMISSION_DENIED, those of connecting, and what the workloads
 * throw as they open.
 */
export async function startWorkloads(options: StartWorkloadsOptions): Promise<RunningWorkloads> {
  const { kind, settings, leaseMs, heartbeatMs, connections, clock, signal = new AbortController().signal } = options;
  let lease: Lease | undefined;
  // The id is not known before the lease is granted, and changes when the lease is lost.
  const log = withProcessId(options.log).child(
    {},
    { formatters: { log: (fields) => (lease === undefined ? fields : { workerId: lease.workerId, ...fields }) } },
  );
  let die: (error: LamplighterError) => void = () => undefined;
  const died = new Promise<LamplighterError>((resolve) => {
    die = resolve;
  });
  const troubles = createTroubles({
    log,
    clock,
    shared: DATABASE_TROUBLE,
    onDeath(what, cause) {
      const message = `The ${kind} has failed, as the part of it that had to ${what} ended: ${messageOf(cause)}`;
      die(new LamplighterError('WORKER_FAILED', message, { cause, hint: 'Start it again.' }));
    },
  });
  const db = createPool(settings, {
    max: connections.pool,
    // Shorter than the lease: a query that hangs must not keep the heartbeat from its connection.
    queryTimeoutMs: Math.min(15_000, leaseMs / 2),
    applicationName: `lamplighter ${kind}`,
    log,
  });
  /** What is open, the last first: the order in which to stop. */
  const opened: Service[] = [{ stop: () => db.end() }];
  const keep = <T extends Service>(service: T): T => {
    opened.unshift(service);
    return service;
  };
  const holder: LeaseHolder = {
    get workerId() {
      if (lease === undefined) throw new Error('there is no lease before all workloads are open');
      return lease.workerId;
    },
    check: () => lease?.check(),
    retire: () => lease?.retire(),
  };
  try {
    await requireSchema(db);
    await requireWritableServer(db);
    // Only now: every command reads this file.
    const { default: pLimit } = await import('p-limit');
    const shortSessions = pLimit(1);
    const withShortSession = <T>(work: () => Promise<T>) => shortSessions(work);
    const meter = createMeter(() => clock.nowMs());
    const context: WorkloadContext = {
      db,
      settings,
      sessions: createSessionRoom(connections, db),
      withShortSession,
      lease: holder,
      leaseMs,
      heartbeatMs,
      log,
      troubles,
      meter,
      clock,
      signal,
    };
    const workloads: Workload[] = [];
    // One after the other: what one of them lacks is told before the next one loads anything.
    for (const open of options.workloads) workloads.push(keep(await open(context)));
    const rescues = workloads.flatMap((workload) => workload.rescues ?? []);
    const measurer = keep(
      startMeasurer({
        db,
        meter,
        writeMs: heartbeatMs,
        onHeartbeat: (isAnswered) => vitals.noteHeartbeat(isAnswered),
        troubles,
        clock,
      }),
    );
    const vitals = createVitals({
      db,
      heartbeatMs,
      meter,
      installation: measurer.installation,
      inFlight: () => workloads.reduce((sum, { inFlight }) => sum + inFlight, 0),
      claimProblems: () => workloads.flatMap((workload) => workload.claimProblem?.() ?? []),
      clock,
    });
    const watching: NotificationRoute = {
      channels: [],
      onNotification: () => undefined,
      onResync: () => undefined,
      onListening: vitals.noteListening,
    };
    const duties = createDuties([
      ...workloads.flatMap((workload) => workload.duties ?? []),
      ...createDeathWatch({ db, intervalMs: heartbeatMs, leaseMs, rescues }),
      ...measurer.duties,
    ]);
    lease = await startLease({
      // A table that somebody has locked can hang up every other query for half a lease each.
      db: db.urgent,
      registration: {
        kind,
        hostname: hostname(),
        pid,
        version: VERSION,
        lanes: workloads.flatMap(({ lanes = [] }) => lanes),
        leaseMs,
      },
      heartbeatMs,
      workloads,
      duties,
      log,
      troubles,
      clock,
    });
    // The lease is kept until all that was claimed under it is recorded.
    opened.splice(-1, 0, lease);
    log.info({ connections }, describePlan(connections, kind === 'daemon' ? 'to build indexes' : 'for tasks'));
    keep(duties);
    for (const workload of workloads) workload.start();
    keep(
      startNotificationRouter({ settings, routes: [...workloads, watching], log, troubles, clock, withShortSession }),
    );

    const close = createStop({ kind, lease, workloads, services: opened, log, clock });
    const stop: typeof close = (stopOptions) => {
      vitals.noteDraining();
      return close(stopOptions);
    };
    void died.then(() => stop({ isImmediate: true })).catch(() => undefined);
    const granted = lease;
    return {
      get workerId() {
        return granted.workerId;
      },
      log,
      workDone: () =>
        workloads.map((workload) => {
          const { processed = 0, failed = 0 } = workload.figures();
          return { name: workload.name, processed, failed };
        }),
      died,
      vitals,
      stop,
    };
  } catch (error) {
    await stopAll(opened, kind).catch((failure: unknown) => log.warn({ err: failure }, 'could not close everything'));
    throw error;
  }
}
