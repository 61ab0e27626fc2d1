import { setFlagsFromString } from 'node:v8';
import { LamplighterError } from '../core/errors.ts';
import { groupBy } from '../core/group-by.ts';
import type { Logger } from '../core/log.ts';
import type { ConnectionSettings } from '../db/connection/connection-settings.ts';
import { findCopy } from '../db/migrate/installation.ts';
import { requireSchema } from '../db/migrate/schema-state.ts';
import { resolveDefaultModels } from '../models/default-models.ts';
import { createModelRegistry } from '../models/registry.ts';
import { type WorkerConfig, type WorkerOrigins, workerConfig } from '../worker/config.ts';
import { describeReport, type ServedReport } from '../worker/requests/lanes.ts';
import type { LiveSettings } from '../worker/requests/upkeep/settings-watcher.ts';
import { startWorker, type WatchedWorker, type Worker } from '../worker/worker.ts';
import type { Invocation } from './cli-command.ts';
import { type DatabaseSettings, readDatabaseSettings } from './database-settings.ts';
import { type EffectiveOption, listEffectiveOptions } from './describe-options.ts';
import { logStart } from './log-start.ts';
import { readServerVersion } from './read-server-version.ts';
import type { WatchedService } from './run-service.ts';
import { taskLoginsOf } from './task-login-options.ts';
import { withSession } from './with-session.ts';
import { resolveWorkerConfig, WORKER_FLAGS } from './worker-options.ts';

export interface WorkerSetup {
  readonly settings: ConnectionSettings;
  readonly config: WorkerConfig;
  readonly origins: WorkerOrigins;
}

/** A worker and the models it holds. */
export interface RunningWorker extends WatchedService, Pick<Worker, 'report'> {}

/**
 * Starts a worker with its own models and logs what it serves, and why it does not serve the rest.
 *
 * @throws LamplighterError CONFIG_INVALID when it would serve nothing at all, and what `startWorker` throws.
 */
export async function openWorker(invocation: Invocation, setup: WorkerSetup): Promise<RunningWorker> {
  const { log, providers } = invocation;
  const { settings, config, origins } = setup;
  keepHeapSmall();
  const models = createModelRegistry({ providers });
  const live = ['concurrency', 'pollIntervalMs'] as const;
  const fixed = new Set<keyof LiveSettings>(live.filter((option) => origins[option] !== 'default'));
  let worker: WatchedWorker | undefined;
  const stop: RunningWorker['stop'] = async (options) => {
    await worker?.stop(options);
    await models.close();
  };
  try {
    // Tells soon what is wrong, and can be interrupted while a server does not answer.
    const server = await withSession(invocation, settings, async (session) => {
      await requireSchema(session);
      const facts = await readServerVersion(session);
      return { facts, database: await readDatabaseSettings(session), copy: await findCopy(session) };
    });
    const taskLogins = taskLoginsOf(invocation, settings);
    const areTasksRequired = origins.taskConcurrency !== 'default';
    worker = await startWorker({ settings, config, fixed, models, areTasksRequired, taskLogins, log });
    const { taskConcurrency } = worker;
    if (worker.report.served.length === 0 && taskConcurrency === 0) {
      const reasons = describeReport(worker.report).doesNotServe.join('; ');
      throw new LamplighterError('CONFIG_INVALID', `This worker would serve nothing: ${reasons}; no tasks`, {
        hint: 'See --functions, --embed-model, --rerank-model, --generate-model and --task-concurrency.',
      });
    }
    const started = worker;
    logStart(started.log, {
      what: 'the worker',
      settings,
      server: server.facts,
      copy: server.copy,
      options: effectiveOptionsOf(invocation, server.database),
    });
    if (taskConcurrency > 0) started.log.info(`running tasks, up to ${taskConcurrency} at once`);
    logReport(started.log, config, started.report);
    return {
      report: started.report,
      died: started.died,
      log: started.log,
      vitals: () => [started.vitals],
      workDone: () => started.workDone(),
      stop,
    };
  } catch (error) {
    await stop({ isImmediate: true });
    throw error;
  }
}

/** The options in effect, with what the database sets, which the worker reads after it has started. */
function effectiveOptionsOf({ flags, env }: Invocation, database: DatabaseSettings): readonly EffectiveOption[] {
  const { config, origins } = resolveWorkerConfig({ flags, env, database });
  return listEffectiveOptions({ options: workerConfig.options, config, origins, wordings: WORKER_FLAGS });
}

/** Warns where a model that was asked for cannot serve its function; what nobody asked for is only mentioned. */
function logReport(log: Logger, config: WorkerConfig, { served, notServed }: ServedReport): void {
  const list = (entries: readonly { readonly functionName: string }[]) =>
    entries.map(({ functionName }) => functionName).join(', ');
  for (const [model, entries] of groupBy(served, (entry) => entry.model))
    log.info(`serving ${list(entries)} with ${model}`);
  const models = resolveDefaultModels(config);
  const isWanted = ({ functionName }: ServedReport['notServed'][number]) =>
    models[functionName] !== undefined && config.functions?.includes(functionName) !== false;
  const reasonOf = ({ functionName, reason }: ServedReport['notServed'][number]) =>
    reason.replace(` for ${functionName}`, '');
  for (const [reason, entries] of groupBy(notServed, reasonOf)) {
    const level = entries.some(isWanted) ? 'warn' : 'info';
    const hint = entries[0]?.hint;
    log[level](`not serving ${list(entries)}: ${reason}${hint === undefined ? '' : `. ${hint}`}`);
  }
}

/** How much the old space may grow over what was alive at its last collection, in percent. V8 lets 15 MB become 60. */
const GROWTH_PERCENT = 30;

/**
 * Keeps dead objects from piling up in V8's old space, for the whole process.
 *
 * V8 makes new objects old at once if most of their kind have outlived some collections, as the requests in flight do when a queue is
 * full. What such an object refers to, a prompt of 10 kB, then waits for a full collection even when both are long dead, and that comes
 * late. Both settings are read when they are needed, so they may come after the start.
 */
function keepHeapSmall(): void {
  setFlagsFromString('--no-allocation-site-pretenuring');
  setFlagsFromString(`--heap-growing-percent=${GROWTH_PERCENT}`);
}
