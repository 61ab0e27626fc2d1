import { requireProgramOptions } from '../core/config/program-options.ts';
import { readEnv } from '../core/env.ts';
import { type Logger, silentLogger } from '../core/log.ts';
import { directOf, resolveConnection } from '../db/connection/connection-settings.ts';
import { parseRoleConnection } from '../db/connection/role-connection.ts';
import { createProviders } from '../models/create-providers.ts';
import type { ModelProvider } from '../models/provider.ts';
import { createModelRegistry } from '../models/registry.ts';
import { type WorkerOptions, workerConfig } from './config.ts';
import type { LiveSettings } from './requests/upkeep/settings-watcher.ts';
import { startWorker, type Worker } from './worker.ts';

export interface CreateWorkerOptions extends WorkerOptions {
  /** A URI or a keyword/value string. @default DATABASE_URL, then the PG* variables, as for every command */
  readonly uri?: string;
  /** Past the pooler, for LISTEN, where `uri` goes through one. */
  readonly directUri?: string;
  /** How to log in as the roles whose tasks it runs: connection strings, by role. @default as libpq would at the same place */
  readonly taskRoles?: Readonly<Record<string, string>>;
  /** A command that prints the password of the role that is its last argument. @default the passfile decides */
  readonly taskPasswordCommand?: string;
  /** Where models come from, asked before the runtimes that come with the program. */
  readonly providers?: readonly ModelProvider[];
  /** @default silent */
  readonly log?: Logger;
}

/**
 * Starts a worker inside this process; it runs until `stop()`.
 *
 * @throws LamplighterError CONFIG_INVALID for an option that is unknown or out of range; SCHEMA_MISSING, SCHEMA_TOO_OLD, SCHEMA_TOO_NEW,
 * PERMISSION_DENIED; and those of connecting.
 */
export async function createWorker(options: CreateWorkerOptions = {}): Promise<Worker> {
  requireProgramOptions(options);
  const {
    uri,
    directUri,
    taskRoles = {},
    taskPasswordCommand,
    providers = [],
    log = silentLogger,
    ...workerOptions
  } = options;
  const config = workerConfig.parse(workerOptions);
  const env = readEnv();
  const settings = resolveConnection({ uri, directUri, isProgram: true }, env);
  const place = directOf(settings);
  const listed = new Map(
    Object.entries(taskRoles).map(([role, text]) => {
      return [role, parseRoleConnection(text, { origin: `taskRoles.${role}`, role, place, env })];
    }),
  );
  const areTasksRequired = workerOptions.taskConcurrency !== undefined;
  const taskLogins = { listed, passwordCommand: taskPasswordCommand };
  const live = ['concurrency', 'pollIntervalMs'] as const;
  const fixed = new Set<keyof LiveSettings>(live.filter((option) => workerOptions[option] !== undefined));
  const given = [config.embedModel, config.generateModel, config.rerankModel];
  const models = createModelRegistry({ providers: [...providers, ...createProviders({ env, given, log })] });
  try {
    const worker = await startWorker({ settings, config, fixed, models, areTasksRequired, taskLogins, log });
    return {
      get workerId() {
        return worker.workerId;
      },
      log: worker.log,
      workDone: () => worker.workDone(),
      report: worker.report,
      taskConcurrency: worker.taskConcurrency,
      died: worker.died,
      async stop(stopOptions) {
        await worker.stop(stopOptions);
        await models.close();
      },
    };
  } catch (error) {
    await models.close();
    throw error;
  }
}
