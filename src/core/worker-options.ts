import { DURATION_FORM, formatDuration, parseDuration } from './duration.ts';
import { REQUEST_FUNCTIONS, type RequestFunction } from './request-functions.ts';
import { didYouMean } from './suggest.ts';

/** What a value read from a text turned out to be. */
export type Reading<T> = { readonly value: T } | { readonly expected: string };

/** One option of a worker: where its text may come from and how it is read. */
export interface OptionSource<T> {
  /** Without the leading dashes; `LAMPLIGHTER_` and this in capitals is its environment name. */
  readonly flag: string;
  /** The name the original worker documented, read after ours. */
  readonly legacyVariable?: string;
  /** The key of a setting kept in the database. */
  readonly setting?: 'worker_concurrency' | 'worker_poll_interval';
  readonly read: (text: string) => Reading<T>;
}

function count(min: number, max: number): (text: string) => Reading<number> {
  return (text) => {
    const value = /^\s*\d+\s*$/.test(text) ? Number(text) : Number.NaN;
    return value >= min && value <= max ? { value } : { expected: `a whole number from ${min} to ${max}` };
  };
}

function duration(minMs: number, maxMs: number): (text: string) => Reading<number> {
  return (text) => {
    const value = parseDuration(text);
    if (value === undefined) return { expected: DURATION_FORM };
    const range = `${DURATION_FORM}, from ${formatDuration(minMs)} to ${formatDuration(maxMs)}`;
    return value >= minMs && value <= maxMs ? { value } : { expected: range };
  };
}

function name(text: string): Reading<string> {
  const value = text.trim();
  return value === '' ? { expected: 'a model name or a path' } : { value };
}

function yesOrNo(text: string): Reading<boolean> {
  if (/^(true|yes|on|1)$/i.test(text)) return { value: true };
  if (/^(false|no|off|0)$/i.test(text)) return { value: false };
  return { expected: 'true or false' };
}

function functionList(text: string): Reading<readonly RequestFunction[]> {
  const value: RequestFunction[] = [];
  for (const word of text.split(',').map((part) => part.trim())) {
    const known = REQUEST_FUNCTIONS.find((candidate) => candidate === word);
    if (known === undefined) {
      return {
        expected: `a comma-separated list out of ${REQUEST_FUNCTIONS.join(', ')}${didYouMean(word, REQUEST_FUNCTIONS)}`,
      };
    }
    if (!value.includes(known)) value.push(known);
  }
  return { value };
}

const DAY_MS = 86_400_000;

/** The bounds of every worker option that has them; the schema and the text readers share these. */
export const WORKER_BOUNDS = {
  concurrency: [1, 1_000],
  pollIntervalMs: [10, 3_600_000],
  maxRetries: [0, 100],
  timeoutMs: [100, DAY_MS],
  taskConcurrency: [0, 1_000],
  maxConnections: [4, 1_000],
  retentionMs: [1_000, 3_650 * DAY_MS],
  leaseMs: [1_000, 3_600_000],
  heartbeatMs: [100, 600_000],
} as const;

/** Every option of `lamplighter worker`, in the order in which `--help` and `doctor` show them. */
export const WORKER_OPTION_SOURCES = {
  concurrency: {
    flag: 'concurrency',
    legacyVariable: 'STEADYTEXT_WORKER_CONCURRENCY',
    setting: 'worker_concurrency',
    read: count(...WORKER_BOUNDS.concurrency),
  },
  pollIntervalMs: {
    flag: 'poll-interval',
    legacyVariable: 'STEADYTEXT_WORKER_POLL_INTERVAL',
    setting: 'worker_poll_interval',
    read: duration(...WORKER_BOUNDS.pollIntervalMs),
  },
  maxRetries: {
    flag: 'max-retries',
    legacyVariable: 'STEADYTEXT_WORKER_MAX_RETRIES',
    read: count(...WORKER_BOUNDS.maxRetries),
  },
  timeoutMs: {
    flag: 'timeout',
    legacyVariable: 'STEADYTEXT_WORKER_TIMEOUT',
    read: duration(...WORKER_BOUNDS.timeoutMs),
  },
  taskConcurrency: { flag: 'task-concurrency', read: count(...WORKER_BOUNDS.taskConcurrency) },
  maxConnections: { flag: 'max-connections', read: count(...WORKER_BOUNDS.maxConnections) },
  functions: { flag: 'functions', read: functionList },
  embedModel: { flag: 'embed-model', read: name },
  generateModel: { flag: 'generate-model', read: name },
  rerankModel: { flag: 'rerank-model', read: name },
  retentionMs: { flag: 'retention', read: duration(...WORKER_BOUNDS.retentionMs) },
  offline: { flag: 'offline', read: yesOrNo },
  leaseMs: { flag: 'lease', read: duration(...WORKER_BOUNDS.leaseMs) },
  heartbeatMs: { flag: 'heartbeat', read: duration(...WORKER_BOUNDS.heartbeatMs) },
} satisfies Record<string, OptionSource<unknown>>;

/** The environment name of a flag: `poll-interval` is `LAMPLIGHTER_POLL_INTERVAL`. */
export function flagVariable(flag: string): string {
  return `LAMPLIGHTER_${flag.toUpperCase().replaceAll('-', '_')}`;
}
