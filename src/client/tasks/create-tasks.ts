import { LamplighterError } from '../../core/errors.ts';
import { showValue } from '../../core/show-value.ts';
import type { Queryable } from '../../db/query.ts';
import { type CallerDb, createCallerDb } from '../caller-db.ts';
import { requireKnownOptions } from '../known-options.ts';
import { toTextValue } from '../request-values.ts';
import { cancelTask, enqueueTask } from './enqueue-task.ts';
import { readTask } from './list-tasks.ts';
import { taskCanceledError, taskFailedError } from './task-errors.ts';
import { hasEnded, parseTaskId, type TaskStatus } from './task-status.ts';
import type { TaskWatcher } from './task-watcher.ts';

export interface RunTaskOptions {
  /** A name to find it by. @default none */
  readonly name?: string | undefined;
  /** Queue inside this connection's open transaction: the task exists, and may start, when that commits. @default a connection of the client */
  readonly db?: CallerDb | undefined;
}

export interface TaskWaitOptions {
  /** Longest wait; then TASK_TIMEOUT, and the task goes on. 0 checks once. @default as long as it takes */
  readonly timeoutMs?: number | undefined;
  /** Ends the wait with ABORTED; the task goes on. */
  readonly signal?: AbortSignal | undefined;
}

/** The id of a task: the number that `run` returned, or a bigint as drivers read it. */
export type TaskId = number | bigint | string;

/**
 * SQL in the background, as the role that queued it: see `lantern.async_task`. Every method rejects with a LamplighterError where there is
 * a code for what went wrong, as those of the client do.
 */
export interface Tasks {
  /** Queues a text of one or more statements and returns its id at once. */
  run(sql: string, options?: RunTaskOptions): Promise<number>;
  /**
   * Resolves when the task has succeeded. It asks by short statements on connections of its own, never inside a transaction: an index that
   * is built concurrently would wait for its waiter, and both for ever.
   *
   * @throws LamplighterError TASK_FAILED with the text that psql prints, TASK_CANCELED, TASK_TIMEOUT, TASK_NOT_FOUND for an id that stays
   * unknown for 5 s or was deleted, ABORTED.
   */
  wait(task: TaskId, options?: TaskWaitOptions): Promise<TaskStatus>;
  /** Yields the task as it is now, then each change of its state, and twice a second while it runs; the last one has ended. */
  watch(task: TaskId, options?: Pick<TaskWaitOptions, 'signal'>): AsyncIterable<TaskStatus>;
  /** Shows a task as it is now; undefined when the role sees none with that id. */
  check(task: TaskId, options?: Pick<RunTaskOptions, 'db'>): Promise<TaskStatus | undefined>;
  /** Asks to cancel a task, running or not; true when it was unfinished. It may still succeed if it was about to. */
  cancel(task: TaskId, options?: Pick<RunTaskOptions, 'db'>): Promise<boolean>;
}

/** {@link Tasks} that use `db` unless a call names another connection. */
export function createTasks(db: Queryable, watcher: TaskWatcher): Tasks {
  const on = (options: Pick<RunTaskOptions, 'db'>): Queryable =>
    options.db === undefined ? db : createCallerDb(options.db);

  return {
    async run(sql, options = {}) {
      requireKnownOptions(options, ['name', 'db']);
      return enqueueTask(on(options), toTextValue('sql', sql), toTextValue('name', options.name));
    },
    async wait(task, options = {}) {
      const { timeoutMs, signal } = checkWait(options, ['timeoutMs', 'signal']);
      let last: TaskStatus | undefined;
      for await (const status of watcher.follow(parseTaskId(task), { timeoutMs, signal })) last = status;
      if (last === undefined || !hasEnded(last)) throw new Error('a task that was followed has not ended');
      if (last.state === 'failed') throw taskFailedError(last);
      if (last.state === 'canceled') throw taskCanceledError(last);
      return last;
    },
    watch(task, options = {}) {
      const { signal } = checkWait(options, ['signal']);
      return watcher.follow(parseTaskId(task), { signal, isProgressWanted: true });
    },
    async check(task, options = {}) {
      requireKnownOptions(options, ['db']);
      return readTask(on(options), parseTaskId(task));
    },
    async cancel(task, options = {}) {
      requireKnownOptions(options, ['db']);
      return cancelTask(on(options), parseTaskId(task));
    },
  };
}

function checkWait(options: TaskWaitOptions, known: readonly string[]): TaskWaitOptions {
  if (typeof options === 'object' && options !== null && 'db' in options) {
    throw invalid('db: a wait goes over connections of the client, as inside a transaction the task might wait for it');
  }
  requireKnownOptions(options, known);
  const { timeoutMs, signal } = options;
  if (timeoutMs !== undefined && !(Number.isFinite(timeoutMs) && timeoutMs >= 0)) {
    throw invalid(`timeoutMs: expected a number of milliseconds, 0 or more, got ${showValue(timeoutMs)}`);
  }
  // Not instanceof: test environments and polyfills bring signals of their own.
  if (signal !== undefined && typeof signal?.addEventListener !== 'function') {
    throw invalid(`signal: expected an AbortSignal, got ${showValue(signal)}`);
  }
  return options;
}

function invalid(message: string): LamplighterError {
  return new LamplighterError('CONFIG_INVALID', message);
}
