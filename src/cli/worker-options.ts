import type { ConfigSources } from '../core/config/define-config.ts';
import { type WorkerConfig, type WorkerOption, type WorkerOrigins, workerConfig } from '../worker/config.ts';
import type { CliOption, Flags, OptionInput } from './cli-option.ts';

type Wording = Omit<CliOption, 'flag'>;

const WORDINGS: Readonly<Record<WorkerOption, Wording>> = {
  concurrency: {
    argument: 'n',
    describes: 'batches in flight at once; with one request each if the model takes one at a time',
    defaultText: '4',
  },
  pollIntervalMs: {
    argument: 'duration',
    describes: 'longest pause between scans of an idle worker',
    defaultText: '1s',
  },
  maxRetries: { argument: 'n', describes: 'tries after the first before a request has failed', defaultText: '3' },
  timeoutMs: { argument: 'duration', describes: 'longest run of one request', defaultText: '300s' },
  taskConcurrency: { argument: 'n', describes: 'SQL tasks run at once; 0 runs none', defaultText: '4' },
  drainMs: { argument: 'duration', describes: 'how long a stop lets tasks run', defaultText: '30s' },
  taskRetentionMs: { argument: 'duration', describes: 'age at which ended tasks are deleted', defaultText: 'kept' },
  maxConnections: { argument: 'n', describes: 'most database connections held', defaultText: '8' },
  functions: { argument: 'list', describes: 'functions to serve, such as embed,rerank', defaultText: 'all that load' },
  embedModel: { argument: 'model', describes: 'model for embed', defaultText: 'builtin/lexical' },
  generateModel: { argument: 'model', describes: 'model for the generate functions', defaultText: 'none' },
  rerankModel: { argument: 'model', describes: 'model for rerank', defaultText: 'builtin/lexical' },
  retentionMs: { argument: 'duration', describes: 'age at which finished requests are deleted', defaultText: 'kept' },
  lenient: { describes: 'start even if a model that was named cannot be loaded' },
  offline: { describes: 'never call out for model files' },
  leaseMs: { argument: 'duration', describes: 'silence after which a worker counts as dead', defaultText: '30s' },
  heartbeatMs: { argument: 'duration', describes: 'pause between heartbeats', defaultText: '5s' },
};

const WORKER_OPTION_NAMES = Object.keys(workerConfig.options) as WorkerOption[]; // the keys are that type's

/** Every option of a worker, as flags. */
export const WORKER_FLAGS: readonly CliOption[] = WORKER_OPTION_NAMES.map((name) => ({
  flag: workerConfig.options[name].flag,
  ...WORDINGS[name],
}));

/** The worker's configuration from flags and environment; settings in the database come later, while it runs. */
export function workerConfigOf({ flags, env }: OptionInput): { config: WorkerConfig; origins: WorkerOrigins } {
  return resolveWorkerConfig({ flags, env });
}

/** The same with settings in the database, where there are valid ones. */
export function resolveWorkerConfig({ flags, env, database }: OptionInput & Pick<ConfigSources, 'database'>): {
  config: WorkerConfig;
  origins: WorkerOrigins;
} {
  const given = { flags: singleValues(flags), env };
  try {
    return workerConfig.resolve(database === undefined ? given : { ...given, database });
  } catch (error) {
    // A server setting that is not valid counts as not set.
    if (database === undefined) throw error;
    return workerConfig.resolve(given);
  }
}

function singleValues(flags: Flags): Record<string, string | boolean> {
  const entries = Object.entries(flags);
  return Object.fromEntries(
    entries.filter(
      (entry): entry is [string, string | boolean] => typeof entry[1] !== 'object' && entry[1] !== undefined,
    ),
  );
}
