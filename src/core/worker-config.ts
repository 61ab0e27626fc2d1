import { z } from 'zod';
import type { Env } from './env.ts';
import { LamplighterError } from './errors.ts';
import { REQUEST_FUNCTIONS } from './request-functions.ts';
import { showValue } from './show-value.ts';
import { didYouMean } from './suggest.ts';
import { flagVariable, type OptionSource, WORKER_BOUNDS, WORKER_OPTION_SOURCES } from './worker-options.ts';

const bounded = ([min, max]: readonly [number, number]) => z.int().min(min).max(max);

const workerConfigSchema = z
  .strictObject({
    /** Batches worked on at once, of one request each where the model takes one at a time. Too low leaves the model idle. */
    concurrency: bounded(WORKER_BOUNDS.concurrency).default(4),
    /** Longest idle wait before looking for work again; notifications normally end it sooner. */
    pollIntervalMs: bounded(WORKER_BOUNDS.pollIntervalMs).default(1_000),
    /** Charged failures after which a request stays failed: 3 means 4 tries in all. */
    maxRetries: bounded(WORKER_BOUNDS.maxRetries).default(3),
    /** Longest run of one request; then it is aborted, and the failure is charged. */
    timeoutMs: bounded(WORKER_BOUNDS.timeoutMs).default(300_000),
    /** SQL tasks run at once, each in a session of its own; 0 runs none. */
    taskConcurrency: bounded(WORKER_BOUNDS.taskConcurrency).default(4),
    /** Ceiling of database connections this worker holds in all. */
    maxConnections: bounded(WORKER_BOUNDS.maxConnections).default(8),
    /** Functions to serve; absent serves each one whose model loads. */
    functions: z.array(z.enum(REQUEST_FUNCTIONS)).min(1).readonly().optional(),
    embedModel: z.string().min(1).optional(),
    generateModel: z.string().min(1).optional(),
    rerankModel: z.string().min(1).optional(),
    /** Age at which finished requests are deleted; absent keeps them. */
    retentionMs: bounded(WORKER_BOUNDS.retentionMs).optional(),
    /** Never call out for model files. */
    offline: z.boolean().default(false),
    /** Silence after which a worker counts as dead and its requests go back. Too low takes work from slow hosts. */
    leaseMs: bounded(WORKER_BOUNDS.leaseMs).default(30_000),
    /** Pause between signs of life. */
    heartbeatMs: bounded(WORKER_BOUNDS.heartbeatMs).default(5_000),
  })
  .refine((config) => config.heartbeatMs * 2 <= config.leaseMs, {
    path: ['heartbeatMs'],
    error: 'expected at most half of the lease, so that one late sign of life does not look like a death',
  })
  .readonly();

export type WorkerOptions = z.input<typeof workerConfigSchema>;
export type WorkerConfig = z.output<typeof workerConfigSchema>;
export type WorkerOption = keyof WorkerConfig;

/** Where a value came from, for people: `--concurrency`, `LAMPLIGHTER_CONCURRENCY`, `server setting steadytext...` or `default`. */
export type WorkerOrigins = Readonly<Record<WorkerOption, string>>;

/** A setting found in the database, with where it was found there. */
export interface DatabaseSetting {
  readonly value: string;
  readonly origin: string;
}

export interface WorkerConfigSources {
  /** Texts from the command line, by camel-case flag name (`pollInterval`), as commander hands them over. */
  readonly flags?: Readonly<Record<string, string | boolean | undefined>>;
  readonly env?: Env;
  readonly database?: Readonly<Partial<Record<'worker_concurrency' | 'worker_poll_interval', DatabaseSetting>>>;
}

const OPTION_NAMES = Object.keys(WORKER_OPTION_SOURCES) as WorkerOption[]; // the sources are checked against the schema in a test

/**
 * The frozen configuration and where each value came from: flag, then environment, then database setting, then default.
 *
 * @throws LamplighterError CONFIG_INVALID naming the flag or variable, as "expected X, got Y".
 */
export function resolveWorkerConfig(sources: WorkerConfigSources = {}): {
  config: WorkerConfig;
  origins: WorkerOrigins;
} {
  const values: Record<string, unknown> = {};
  const origins: Record<string, string> = {};
  for (const option of OPTION_NAMES) {
    const source: OptionSource<unknown> = WORKER_OPTION_SOURCES[option];
    const found = findText(source, sources);
    origins[option] = found?.origin ?? 'default';
    if (found === undefined) continue;
    const reading = source.read(found.text);
    if ('expected' in reading) throw invalid(found.origin, reading.expected, found.text);
    values[option] = reading.value;
  }
  return { config: parseWorkerConfig(values as WorkerOptions, origins), origins: origins as WorkerOrigins };
}

/**
 * Checks options given in code, fills in the defaults and freezes the result.
 *
 * @throws LamplighterError CONFIG_INVALID naming the option.
 */
export function parseWorkerConfig(
  options: WorkerOptions = {},
  origins: Readonly<Record<string, string>> = {},
): WorkerConfig {
  const parsed = workerConfigSchema.safeParse(options);
  if (parsed.success) return Object.freeze(parsed.data);
  const [issue] = parsed.error.issues;
  if (issue?.code === 'unrecognized_keys') {
    const [key = ''] = issue.keys;
    throw new LamplighterError(
      'CONFIG_INVALID',
      `Unknown worker option ${showValue(key)}${didYouMean(key, OPTION_NAMES)}`,
    );
  }
  const option = String(issue?.path[0] ?? 'options');
  const origin = origins[option];
  const name = origin === undefined || origin === 'default' ? option : origin;
  const got = (options as Record<string, unknown>)[option];
  throw invalid(name, expectedIn(issue?.message ?? ''), got);
}

function findText(
  source: OptionSource<unknown>,
  { flags = {}, env = {}, database = {} }: WorkerConfigSources,
): { text: string; origin: string } | undefined {
  const flag = flags[source.flag.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())];
  if (flag !== undefined) return { text: String(flag), origin: `--${source.flag}` };
  for (const variable of [flagVariable(source.flag), source.legacyVariable]) {
    const text = variable === undefined ? undefined : env[variable];
    if (variable !== undefined && text !== undefined && text !== '') return { text, origin: variable };
  }
  const setting = source.setting === undefined ? undefined : database[source.setting];
  return setting === undefined ? undefined : { text: setting.value, origin: setting.origin };
}

/** Zod says "Too small: expected number to be >=1" and "Invalid input: expected boolean, received string". */
function expectedIn(message: string): string {
  return /expected (.*?)(?:, received .*)?$/.exec(message)?.[1] ?? 'another value';
}

function invalid(origin: string, expected: string, got: unknown): LamplighterError {
  return new LamplighterError('CONFIG_INVALID', `${origin}: expected ${expected}, got ${showValue(got ?? null)}`);
}
