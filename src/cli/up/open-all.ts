import { hasCode } from '../../core/errors.ts';
import type { DaemonConfig } from '../../daemon/config.ts';
import type { ConnectionSettings } from '../../db/connection/connection-settings.ts';
import { isSqlState } from '../../db/sqlstate.ts';
import { runInTransaction } from '../../db/transaction.ts';
import { createJobsTable } from '../../embeddings/jobs/create-jobs-table.ts';
import { workerConfig } from '../../worker/config.ts';
import type { Invocation } from '../cli-command.ts';
import type { DashboardAccess } from '../dashboard/dashboard-options.ts';
import { type DashboardSetup, type ServedDashboard, serveDashboard } from '../dashboard/serve-dashboard.ts';
import { listEffectiveOptions } from '../describe-options.ts';
import { openDaemon } from '../open-daemon.ts';
import { openWorker, type WorkerSetup } from '../open-worker.ts';
import type { WatchedService } from '../run-service.ts';
import type { WatchVitals } from '../with-probes.ts';
import { withSession } from '../with-session.ts';
import { WORKER_FLAGS } from '../worker-options.ts';

/** What `up` runs beside a database: a worker, the dashboard, and an embedding daemon where somebody named a jobs table. */
export interface UpServices {
  readonly worker: Omit<WorkerSetup, 'settings'>;
  readonly daemon: DaemonConfig | undefined;
  readonly dashboard: UpDashboard | undefined;
  readonly watch: WatchVitals;
}

/** The dashboard of `up`. */
export interface UpDashboard extends DashboardAccess {
  /** Where nobody asked for this address and something else has it, any free port does. */
  readonly isAsked: boolean;
}

/** Opens all as one service; makes the jobs table where it is missing. */
export async function openAll(
  invocation: Invocation,
  settings: ConnectionSettings,
  services: UpServices,
): Promise<WatchedService> {
  const running = await openWork(invocation, settings, services);
  if (services.dashboard === undefined) return running;
  try {
    const { config, origins } = services.worker;
    const { options } = workerConfig;
    const programSettings = listEffectiveOptions({ options, config: { ...config }, origins, wordings: WORKER_FLAGS });
    const dashboard = await openDashboardOf(invocation, { ...services.dashboard, settings, programSettings });
    invocation.terminal.print(`The dashboard is at ${invocation.terminal.style.cyan(dashboard.url)}`);
    return {
      ...running,
      async stop(options) {
        await Promise.all([dashboard.stop(), running.stop(options)]);
      },
    };
  } catch (error) {
    await running.stop({ isImmediate: true });
    throw error;
  }
}

async function openDashboardOf(
  invocation: Invocation,
  { isAsked, ...setup }: DashboardSetup & Pick<UpDashboard, 'isAsked'>,
): Promise<ServedDashboard> {
  try {
    return await serveDashboard(invocation, setup);
  } catch (error) {
    if (isAsked || !hasCode(error, 'PORT_TAKEN')) throw error;
    return serveDashboard(invocation, { ...setup, address: { ...setup.address, port: 0 } });
  }
}

async function openWork(
  invocation: Invocation,
  settings: ConnectionSettings,
  { worker, daemon, watch }: UpServices,
): Promise<WatchedService> {
  const running = await openWorker(invocation, { ...worker, settings });
  watch(running.vitals);
  if (daemon === undefined) return running;
  try {
    await makeJobsTable(invocation, settings, daemon);
    const embeddings = await openDaemon(invocation, { settings, config: daemon });
    const vitals = () => [...running.vitals(), ...embeddings.vitals()];
    watch(vitals);
    return {
      died: running.died,
      ...(running.log === undefined ? {} : { log: running.log }),
      vitals,
      workDone: () => [...running.workDone(), ...embeddings.workDone()],
      async stop(options) {
        await Promise.all([embeddings.stop(options), running.stop(options)]);
      },
    };
  } catch (error) {
    await running.stop({ isImmediate: true });
    throw error;
  }
}

async function makeJobsTable(
  invocation: Invocation,
  settings: ConnectionSettings,
  name: Pick<DaemonConfig, 'schema' | 'table'>,
): Promise<void> {
  await withSession(invocation, settings, async (session) => {
    try {
      const { quotedName } = await runInTransaction(session, (transaction) => createJobsTable(transaction, name));
      invocation.terminal.print(`Created the table ${quotedName} for embedding jobs`);
    } catch (error) {
      if (!isSqlState(error, 'duplicateTable')) throw error;
    }
  });
}
