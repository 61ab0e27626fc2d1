import { requireProgramOptions } from '../core/config/program-options.ts';
import { readEnv } from '../core/env.ts';
import { type Logger, silentLogger } from '../core/log.ts';
import { resolveConnection } from '../db/connection/connection-settings.ts';
import { createProviders } from '../models/create-providers.ts';
import type { ModelProvider } from '../models/provider.ts';
import { createModelRegistry } from '../models/registry.ts';
import { type DaemonOptions, daemonConfig } from './config.ts';
import { type Daemon, startDaemon } from './daemon.ts';
import type { ImageFetcherOptions } from './images/fetch-image.ts';

export interface CreateDaemonOptions extends DaemonOptions {
  /** The database that holds the jobs table. @default DATABASE_URL, then the PG* variables, as for every command */
  readonly uri?: string;
  /** Past the pooler, for LISTEN and for installing the schema, where `uri` goes through one. */
  readonly directUri?: string;
  /** Where models come from, asked before the runtimes that come with the program. */
  readonly providers?: readonly ModelProvider[];
  /** @default silent */
  readonly log?: Logger;
  /** Options of the image fetcher, for tests. @internal */
  readonly images?: ImageFetcherOptions;
}

/**
 * Starts an embedding daemon inside this process; it runs until `stop()`.
 *
 * @throws LamplighterError CONFIG_INVALID for an option that is unknown or out of range, and for a jobs table that is missing or lacks
 * columns; PERMISSION_DENIED; and those of connecting.
 */
export async function createDaemon(options: CreateDaemonOptions = {}): Promise<Daemon> {
  requireProgramOptions(options);
  const { uri, directUri, providers = [], log = silentLogger, images, ...daemonOptions } = options;
  const config = daemonConfig.parse(daemonOptions);
  const env = readEnv();
  const settings = resolveConnection({ uri, directUri, isProgram: true }, env);
  const models = createModelRegistry({ providers: [...providers, ...createProviders({ env, log })] });
  try {
    const daemon = await startDaemon({
      settings,
      env,
      config,
      models,
      log,
      ...(images === undefined ? {} : { images }),
    });
    return {
      get jobs() {
        return daemon.jobs;
      },
      workDone: () => daemon.workDone(),
      async stop(stopOptions) {
        await daemon.stop(stopOptions);
        await models.close();
      },
    };
  } catch (error) {
    await models.close();
    throw error;
  }
}
