import { type ConfigInput, type ConfigOf, type ConfigOrigins, defineConfig } from '../core/config/define-config.ts';
import { count, duration, listOf, name, YES_OR_NO } from '../core/config/option-values.ts';
import { REQUEST_FUNCTIONS } from '../core/request-functions.ts';
import { HEARTBEAT_RULE, PROCESS_OPTIONS } from '../process/process-options.ts';

const DAY_MS = 86_400_000;
const MODEL = name('a model name or a path');

const WORKER_OPTIONS = {
  /** Batches worked on at once, of one request each where the model takes one at a time. Too low leaves the model idle. */
  concurrency: {
    flag: 'concurrency',
    legacyVariable: 'STEADYTEXT_WORKER_CONCURRENCY',
    setting: 'worker_concurrency',
    value: count(1, 1_000),
    default: 4,
  },
  /** Longest idle wait before looking for work again; notifications normally end it sooner. */
  pollIntervalMs: {
    flag: 'poll-interval',
    legacyVariable: 'STEADYTEXT_WORKER_POLL_INTERVAL',
    setting: 'worker_poll_interval',
    value: duration(10, 3_600_000),
    default: 1_000,
  },
  /** Charged failures after which a request stays failed: 3 means 4 tries in all. */
  maxRetries: {
    flag: 'max-retries',
    legacyVariable: 'STEADYTEXT_WORKER_MAX_RETRIES',
    value: count(0, 100),
    default: 3,
  },
  /** Longest run of one request, and of the completion handlers that one task calls; then it is aborted, and the failure is charged. */
  timeoutMs: {
    flag: 'timeout',
    legacyVariable: 'STEADYTEXT_WORKER_TIMEOUT',
    value: duration(100, DAY_MS),
    default: 300_000,
  },
  /** SQL tasks run at once, each in a session of its own; 0 runs none. Fewer where `maxConnections` leaves no room for them. */
  taskConcurrency: { flag: 'task-concurrency', value: count(0, 1_000), default: 4 },
  /** How long a stop lets tasks run. Too low breaks off what had nearly ended; too high holds up deployments. */
  drainMs: { flag: 'drain', value: duration(0, DAY_MS), default: 30_000 },
  /** Age at which ended tasks are deleted; absent keeps them. */
  taskRetentionMs: { flag: 'task-retention', value: duration(1_000, 3_650 * DAY_MS) },
  maxConnections: PROCESS_OPTIONS.maxConnections,
  /** Functions to serve; absent serves each one whose model loads. */
  functions: { flag: 'functions', value: listOf(REQUEST_FUNCTIONS) },
  embedModel: { flag: 'embed-model', value: MODEL },
  generateModel: { flag: 'generate-model', value: MODEL },
  rerankModel: { flag: 'rerank-model', value: MODEL },
  /** Age at which finished requests are deleted; absent keeps them. */
  retentionMs: { flag: 'retention', value: duration(1_000, 3_650 * DAY_MS) },
  /** Starts although a model that was named cannot be loaded; its functions are then not served. */
  lenient: { flag: 'lenient', value: YES_OR_NO, default: false },
  /** Never call out for model files. */
  offline: { flag: 'offline', value: YES_OR_NO, default: false },
  leaseMs: PROCESS_OPTIONS.leaseMs,
  heartbeatMs: PROCESS_OPTIONS.heartbeatMs,
} as const;

/** The options of a worker as given in code. */
export type WorkerOptions = ConfigInput<typeof WORKER_OPTIONS>;
/** The options of a worker, defaults filled in. */
export type WorkerConfig = ConfigOf<typeof WORKER_OPTIONS>;
export type WorkerOption = keyof typeof WORKER_OPTIONS;
export type WorkerOrigins = ConfigOrigins<typeof WORKER_OPTIONS>;

/** The configuration of `lamplighter worker`. */
export const workerConfig = defineConfig('worker', WORKER_OPTIONS, [HEARTBEAT_RULE]);
