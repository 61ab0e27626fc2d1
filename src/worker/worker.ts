import { type Clock, systemClock } from '../core/clock.ts';
import type { Logger } from '../core/log.ts';
import type { ConnectionSettings } from '../db/connection/connection-settings.ts';
import { planConnections } from '../db/connection-budget.ts';
import type { ModelRegistry } from '../models/registry.ts';
import { type RunningWorkloads, startWorkloads } from '../process/start-workloads.ts';
import type { StopOptions } from '../process/stop.ts';
import type { WorkloadFactory } from '../process/workload.ts';
import type { RoleLoginOptions } from '../tasks/role-logins.ts';
import type { WorkerConfig } from './config.ts';
import type { ServedReport } from './requests/lanes.ts';
import { openRequests } from './requests/requests-workload.ts';
import type { LiveSettings } from './requests/upkeep/settings-watcher.ts';
import { openTasks } from './tasks/tasks-workload.ts';

export type { StopOptions };

export interface StartWorkerOptions {
  readonly settings: ConnectionSettings;
  readonly config: WorkerConfig;
  /** Options that were given by flag, variable or code; settings in the database change only the others. @default none */
  readonly fixed?: ReadonlySet<keyof LiveSettings>;
  readonly models: ModelRegistry;
  /** Refuses to start where there is no room for as many tasks at once as were asked for. @default false: then fewer run */
  readonly areTasksRequired?: boolean;
  /** How to log in as the roles of tasks. @default as libpq would at the same place */
  readonly taskLogins?: RoleLoginOptions;
  readonly log: Logger;
  readonly clock?: Clock;
  /** Gives up loading models; the worker that has started is stopped by `stop`. */
  readonly signal?: AbortSignal;
}

/** A running worker. */
export interface Worker extends Omit<RunningWorkloads, 'vitals'> {
  /** What it serves of the functions of requests, and why not the rest. */
  readonly report: ServedReport;
  /** Tasks that it runs at once. */
  readonly taskConcurrency: number;
}

/** A worker, with how it is. */
export interface WatchedWorker extends Worker, Pick<RunningWorkloads, 'vitals'> {}

/**
 * Starts a worker: it claims requests of the functions whose models loaded, answers them and records the answers; and it runs tasks.
 *
 * @throws LamplighterError SCHEMA_MISSING, SCHEMA_TOO_OLD, SCHEMA_TOO_NEW, PERMISSION_DENIED, and those of connecting.
 */
export async function startWorker(options: StartWorkerOptions): Promise<WatchedWorker> {
  const {
    settings,
    config,
    fixed = new Set(),
    models,
    areTasksRequired = false,
    taskLogins = {},
    log,
    clock = systemClock,
    signal,
  } = options;
  let report: ServedReport = { served: [], notServed: [] };
  const requests: WorkloadFactory = async (context) => {
    const workload = await openRequests(context, { config, fixed, models });
    report = workload.report;
    return workload;
  };
  const connections = planConnections({
    max: config.maxConnections,
    sessions: { wanted: config.taskConcurrency, isRequired: areTasksRequired, flag: '--task-concurrency' },
  });
  const taskConcurrency = connections.sessions;
  const tasks: WorkloadFactory = (context) =>
    openTasks(context, {
      pollIntervalMs: config.pollIntervalMs,
      drainMs: config.drainMs,
      handlerTimeoutMs: config.timeoutMs,
      retentionMs: config.taskRetentionMs,
      logins: taskLogins,
    });
  const running = await startWorkloads({
    kind: 'worker',
    settings,
    workloads: taskConcurrency === 0 ? [requests] : [requests, tasks],
    leaseMs: config.leaseMs,
    heartbeatMs: config.heartbeatMs,
    connections,
    log,
    clock,
    signal,
  });
  return {
    get workerId() {
      return running.workerId;
    },
    log: running.log,
    workDone: () => running.workDone(),
    report,
    taskConcurrency,
    died: running.died,
    vitals: running.vitals,
    stop: (stopOptions) => running.stop(stopOptions),
  };
}
