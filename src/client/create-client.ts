import { systemClock } from '../core/clock.ts';
import { requireProgramOptions } from '../core/config/program-options.ts';
import { readEnv } from '../core/env.ts';
import { LamplighterError } from '../core/errors.ts';
import { type Logger, silentLogger } from '../core/log.ts';
import { createTroubles } from '../core/recurring-trouble.ts';
import { showValue } from '../core/show-value.ts';
import { type ConnectionSettings, resolveConnection } from '../db/connection/connection-settings.ts';
import { DATABASE_TROUBLE } from '../db/database-trouble.ts';
import { startListener } from '../db/listener.ts';
import { createPool } from '../db/pool.ts';
import type { Queryable } from '../db/query.ts';
import { createCallerDb } from './caller-db.ts';
import { cancelRequest, retryRequest } from './change-request.ts';
import { checkRequests } from './check-requests.ts';
import type { Client, OnOptions, WaitOptions } from './client.ts';
import { createEnqueuer } from './enqueuer.ts';
import { requireKnownOptions } from './known-options.ts';
import { readQueueStats } from './queue-stats.ts';
import { parseRequestId, type RequestId } from './request-id.ts';
import { createTasks } from './tasks/create-tasks.ts';
import { createTaskWatcher, TASKS_CHANNEL } from './tasks/task-watcher.ts';
import { createResultWatcher } from './waiting/result-watcher.ts';
import { COMPLETED_CHANNEL, createSharedListener } from './waiting/shared-listener.ts';
import { listWorkers } from './worker-status.ts';

const DEFAULT_TIMEOUT_MS = 30_000;

export interface ClientOptions {
  /** A URI or a keyword/value string. @default DATABASE_URL, then the PG* variables, as for every command */
  readonly uri?: string | undefined;
  /** Past the pooler, for LISTEN, where `uri` goes through one. Without it, waits behind a transaction pooler poll. */
  readonly directUri?: string | undefined;
  /** Instead of both: settings that were resolved already. */
  readonly settings?: ConnectionSettings | undefined;
  /** Most connections, the listening one included; at least 2. Too low makes statements wait for each other. @default 4 */
  readonly maxConnections?: number | undefined;
  /** @default silent */
  readonly log?: Logger | undefined;
}

/**
 * A client for the database; nothing is connected before it is used. `close` it, or let `await using` do so.
 *
 * @throws LamplighterError CONFIG_INVALID for an option that is unknown, or a connection that cannot be understood.
 */
export function createClient(options: ClientOptions = {}): Client {
  requireKnownOptions(options, ['uri', 'directUri', 'settings', 'maxConnections', 'log']);
  requireProgramOptions(options);
  const { uri, directUri, maxConnections = 4, log = silentLogger } = options;
  if (!Number.isSafeInteger(maxConnections) || maxConnections < 2) {
    throw invalid(`maxConnections: expected an integer of at least 2, got ${showValue(maxConnections)}`);
  }
  const settings = options.settings ?? resolveConnection({ uri, directUri, isProgram: true }, readEnv());
  const pool = createPool(settings, { max: maxConnections - 1, applicationName: 'lamplighter client', log });
  const db = createCallerDb(pool);
  const troubles = createTroubles({ log, clock: systemClock, shared: DATABASE_TROUBLE });
  const channels = [COMPLETED_CHANNEL, TASKS_CHANNEL];
  const listener = createSharedListener((hooks) => startListener({ settings, channels, log, troubles, ...hooks }));
  const watcher = createResultWatcher({
    db: pool,
    listen: (hooks) => listener.subscribe(COMPLETED_CHANNEL, hooks),
    log,
    troubles,
    clock: systemClock,
  });
  const taskWatcher = createTaskWatcher({
    db: pool,
    listen: (hooks) => listener.subscribe(TASKS_CHANNEL, hooks),
    troubles,
    clock: systemClock,
  });
  let closed: Promise<void> | undefined;

  const on = (target: OnOptions = {}): Queryable => {
    requireKnownOptions(target, ['db']);
    return target.db === undefined ? db : createCallerDb(target.db);
  };

  const close = () => {
    closed ??= Promise.all([watcher.stop(), taskWatcher.stop()])
      .then(() => undefined)
      .finally(() => pool.end());
    return closed;
  };

  return {
    ...createEnqueuer(db),
    tasks: createTasks(db, taskWatcher),
    async wait<Result>(requestId: RequestId<Result>, waitOptions: WaitOptions = {}) {
      requireKnownOptions(waitOptions, ['timeoutMs', 'signal']);
      const { timeoutMs = DEFAULT_TIMEOUT_MS, signal } = waitOptions;
      if (!Number.isFinite(timeoutMs) || timeoutMs < 0) {
        throw invalid(`timeoutMs: expected a number of milliseconds, 0 or more, got ${showValue(timeoutMs)}`);
      }
      // Not instanceof: test environments and polyfills bring signals of their own.
      if (signal !== undefined && typeof signal?.addEventListener !== 'function') {
        throw invalid(`signal: expected an AbortSignal, got ${showValue(signal)}`);
      }
      // What the id says of its result is the caller's claim.
      return (await watcher.watch(parseRequestId(requestId), { timeoutMs, signal })) as Result;
    },
    async check(requestId, target) {
      const [request] = await checkRequests(on(target), [requestId]);
      return request;
    },
    checkBatch: async (requestIds, target) => checkRequests(on(target), requestIds),
    cancel: async (requestId, target) => cancelRequest(on(target), requestId),
    retry: async (requestId, target) => retryRequest(on(target), requestId),
    stats: () => readQueueStats(db),
    workers: () => listWorkers(db),
    close,
    [Symbol.asyncDispose]: close,
  };
}

function invalid(message: string): LamplighterError {
  return new LamplighterError('CONFIG_INVALID', message);
}
