import type { DaemonConfig } from '../../daemon/config.ts';
import type { ConnectionSettings } from '../../db/connection-settings.ts';
import { isSqlState } from '../../db/sqlstate.ts';
import { runInTransaction } from '../../db/transaction.ts';
import { createJobsTable } from '../../embeddings/jobs/create-jobs-table.ts';
import type { Invocation } from '../cli-command.ts';
import { openDaemon } from '../open-daemon.ts';
import { openWorker, type WorkerSetup } from '../open-worker.ts';
import type { RunningService } from '../run-service.ts';
import { withSession } from '../with-session.ts';

/** What `up` runs beside a database: a worker, and an embedding daemon where somebody named a jobs table. */
export interface UpServices {
  readonly worker: Omit<WorkerSetup, 'settings'>;
  readonly daemon: DaemonConfig | undefined;
}

/** Opens all as one service; makes the jobs table where it is missing. */
export async function openAll(
  invocation: Invocation,
  settings: ConnectionSettings,
  { worker, daemon }: UpServices,
): Promise<RunningService> {
  const running = await openWorker(invocation, { ...worker, settings });
  if (daemon === undefined) return running;
  try {
    await makeJobsTable(invocation, settings, daemon);
    const embeddings = await openDaemon(invocation, { settings, config: daemon });
    return {
      died: running.died,
      ...(running.log === undefined ? {} : { log: running.log }),
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
