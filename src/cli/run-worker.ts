import { LamplighterError } from '../core/errors.ts';
import { groupBy } from '../core/group-by.ts';
import type { Logger } from '../core/log.ts';
import type { ConnectionSettings } from '../db/connection-settings.ts';
import { requireSchema } from '../db/migrate/schema-state.ts';
import { resolveDefaultModels } from '../models/default-models.ts';
import { createModelRegistry } from '../models/registry.ts';
import type { WorkerConfig, WorkerOrigins } from '../worker/config.ts';
import { describeReport, type ServedReport } from '../worker/requests/lanes.ts';
import type { LiveSettings } from '../worker/requests/upkeep/settings-watcher.ts';
import { startWorker, type Worker } from '../worker/worker.ts';
import type { Invocation } from './cli-command.ts';
import { EXIT, type ExitCode } from './exit-code.ts';
import { aborted, codeOfInterruption } from './interruption.ts';
import { keepHeapSmall } from './keep-heap-small.ts';
import { withSession } from './with-session.ts';

export interface WorkerSetup {
  readonly settings: ConnectionSettings;
  readonly config: WorkerConfig;
  readonly origins: WorkerOrigins;
}

/** A worker and the models it holds. */
export type RunningWorker = Pick<Worker, 'report' | 'stop' | 'died'>;

/**
 * Starts a worker with models of its own and logs what it serves, and why not the rest.
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
  let worker: Worker | undefined;
  const stop: RunningWorker['stop'] = async (options) => {
    await worker?.stop(options);
    await models.close();
  };
  try {
    // Tells soon what is wrong, and can be interrupted while a server does not answer.
    await withSession(invocation, settings, requireSchema);
    worker = await startWorker({ settings, config, fixed, models, log });
    if (worker.report.served.length === 0) {
      const reasons = describeReport(worker.report).doesNotServe.join('; ');
      throw new LamplighterError('CONFIG_INVALID', `This worker would serve nothing: ${reasons}`, {
        hint: 'See --functions, --embed-model, --rerank-model and --generate-model.',
      });
    }
    log.info({ workerId: worker.workerId }, 'the worker runs');
    logReport(log, config, worker.report);
    return { report: worker.report, died: worker.died, stop };
  } catch (error) {
    await stop({ isImmediate: true });
    throw error;
  }
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

/** Runs a worker until a signal: the first one lets it finish what it does, the second hands that back at once. */
export async function runWorker(invocation: Invocation, setup: WorkerSetup): Promise<ExitCode> {
  const { interruption, log } = invocation;
  const worker = await openWorker(invocation, setup);
  const failure = await Promise.race([aborted(interruption.first), worker.died]);
  if (failure === undefined) return stopWorker(worker, { interruption, log });
  await worker
    .stop({ isImmediate: true })
    .catch((error: unknown) => log.debug({ err: error }, 'not all could be stopped'));
  throw failure;
}

/** Stops gracefully, or at once as soon as a second signal comes. */
export async function stopWorker(
  worker: RunningWorker,
  { interruption, log }: Pick<Invocation, 'interruption' | 'log'>,
): Promise<ExitCode> {
  log.info('stopping; another signal hands back at once what still runs');
  const stopped = worker.stop();
  await Promise.race([stopped, aborted(interruption.second)]);
  if (!interruption.second.aborted) return EXIT.done;
  await worker.stop({ isImmediate: true });
  await stopped;
  return codeOfInterruption(interruption);
}
