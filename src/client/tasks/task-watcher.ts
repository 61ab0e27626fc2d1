import { backoffMs } from '../../core/backoff.ts';
import type { Clock } from '../../core/clock.ts';
import { onAbort } from '../../core/on-abort.ts';
import type { Troubles } from '../../core/recurring-trouble.ts';
import type { Service } from '../../core/service.ts';
import type { Queryable } from '../../db/query.ts';
import { isPassing, toClientError } from '../client-error.ts';
import { createLookSchedule, type LookSchedule } from '../waiting/look-schedule.ts';
import type { ListenHooks } from '../waiting/shared-listener.ts';
import { closedError } from '../waiting/wait-errors.ts';
import { readTask } from './list-tasks.ts';
import { taskAbortedError, taskDeletedError, taskTimeoutError, taskUnseenError } from './task-errors.ts';
import { hasEnded, type TaskStatus } from './task-status.ts';

/** The public channel on which the end of tasks is announced. */
export const TASKS_CHANNEL = 'lantern_tasks';
/** How long a task may stay unknown: it may be about to commit. */
const GRACE_MS = 5_000;
/** Pause between two looks at the progress of a running task. */
const PROGRESS_MS = 500;
/** How long the listening connection is kept with nobody waiting. */
const IDLE_MS = 30_000;
const OUTAGE_PAUSE = { baseMs: 100, capMs: 5_000 };

export interface TaskWatcherDeps {
  readonly db: Queryable;
  /** Begins to hear {@link TASKS_CHANNEL}. */
  readonly listen: (hooks: ListenHooks) => Service;
  readonly troubles: Troubles;
  readonly clock: Clock;
}

export interface FollowOptions {
  /** @default unlimited */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Looks at the progress of a task that runs twice a second. @default false: only its end matters */
  readonly isProgressWanted?: boolean;
}

export interface TaskWatcher extends Service {
  /** Yields the task when its state has changed, and while it runs twice a second if its progress is wanted; ends after it has ended. */
  follow(jobid: number, options: FollowOptions): AsyncGenerator<TaskStatus, void, undefined>;
  /** Rejects all who follow with ABORTED, and closes the connection. */
  stop(): Promise<void>;
}

/** One who follows a task. */
interface Follower {
  readonly jobid: number;
  readonly schedule: LookSchedule;
  wake(): void;
}

/**
 * Duty: tells how tasks go. Reads each with a short statement of its own, so that no index that is built concurrently has to wait for it.
 * An event only says when to look; if the process dies, nothing is lost.
 */
export function createTaskWatcher({ db, listen, troubles, clock }: TaskWatcherDeps): TaskWatcher {
  const trouble = troubles.define('look at tasks');
  const followers = new Set<Follower>();
  const stopping = new AbortController();
  let listener: Service | undefined;
  let isListening = false;
  let idling = new AbortController();
  const retiring = new Set<Promise<void>>();

  function startListening(): void {
    idling.abort();
    // A look that was under way may come back after the stop.
    if (stopping.signal.aborted) return;
    listener ??= listen({
      onEvent(_channel, payload) {
        const jobid = readJobid(payload);
        for (const follower of followers) {
          if (follower.jobid !== jobid) continue;
          follower.schedule.hint(clock.nowMs());
          follower.wake();
        }
      },
      onResync: lookAtAll,
      onState(state) {
        isListening = state === 'listening';
        if (!isListening) lookAtAll();
      },
    });
  }

  function lookAtAll(): void {
    for (const { schedule, wake } of followers) {
      schedule.resync(clock.nowMs());
      wake();
    }
  }

  function stopListening(): void {
    const last = listener;
    listener = undefined;
    isListening = false;
    if (last === undefined) return;
    const retired = last.stop().finally(() => retiring.delete(retired));
    retiring.add(retired);
    retired.catch(() => undefined);
  }

  async function stopListeningWhenIdle(): Promise<void> {
    idling.abort();
    const own = new AbortController();
    idling = own;
    await clock.delay(IDLE_MS, own.signal);
    if (!own.signal.aborted && followers.size === 0) stopListening();
  }

  /** Resolves when the next read is due, or there is a reason to read sooner. */
  async function pause(follower: Follower, ms: number, signal: AbortSignal | undefined): Promise<void> {
    const wait = new AbortController();
    const end = () => wait.abort();
    follower.wake = end;
    if (signal?.aborted === true || stopping.signal.aborted) end();
    const unlisten = [signal, stopping.signal].map((each) => onAbort(each, end));
    await clock.delay(ms, wait.signal);
    for (const stop of unlisten) stop();
  }

  async function* watch(follower: Follower, options: FollowOptions): AsyncGenerator<TaskStatus, void, undefined> {
    const { jobid, schedule } = follower;
    const { timeoutMs = Number.POSITIVE_INFINITY, signal, isProgressWanted = false } = options;
    const sinceMs = clock.nowMs();
    let failures = 0;
    let failure: unknown;
    let last: TaskStatus | undefined;
    let yieldedMs = Number.NEGATIVE_INFINITY;
    for (;;) {
      if (stopping.signal.aborted) throw closedError();
      if (signal?.aborted === true) throw taskAbortedError(jobid, signal.reason);
      const nowMs = clock.nowMs();
      const waitedMs = nowMs - sinceMs;
      let isRunning = false;
      schedule.begin(nowMs, isListening);
      try {
        const task = await readTask(db, jobid);
        failures = 0;
        failure = undefined;
        trouble.settle();
        if (task === undefined && last !== undefined) throw taskDeletedError(jobid);
        if (task === undefined && waitedMs >= Math.min(GRACE_MS, timeoutMs)) throw taskUnseenError(jobid, waitedMs);
        if (task !== undefined) {
          isRunning = task.state === 'running';
          const isNew = task.state !== last?.state || task.reason !== last?.reason;
          last = task;
          // Who does not listen yet looks more often.
          if (isNew || (isRunning && isProgressWanted && nowMs - yieldedMs >= PROGRESS_MS)) {
            yieldedMs = nowMs;
            yield task;
          }
          if (hasEnded(task)) return;
        }
        startListening();
      } catch (error) {
        if (!isPassing(error)) throw toClientError(error);
        trouble.note(error);
        failures += 1;
        failure = error;
      }
      if (waitedMs >= timeoutMs) throw taskTimeoutError(jobid, timeoutMs, failure);
      schedule.missed();
      const dueMs = failures > 0 ? backoffMs(failures, undefined, OUTAGE_PAUSE) : schedule.nextLookMs - clock.nowMs();
      const leftMs = timeoutMs - (clock.nowMs() - sinceMs);
      const progressMs = isProgressWanted && isRunning ? PROGRESS_MS : Number.POSITIVE_INFINITY;
      await pause(follower, Math.max(0, Math.min(dueMs, leftMs, progressMs)), signal);
    }
  }

  return {
    async *follow(jobid, options) {
      const follower: Follower = { jobid, schedule: createLookSchedule(clock.nowMs()), wake: () => undefined };
      followers.add(follower);
      try {
        yield* watch(follower, options);
      } finally {
        followers.delete(follower);
        if (followers.size === 0 && listener !== undefined && !stopping.signal.aborted) void stopListeningWhenIdle();
      }
    },
    async stop() {
      stopping.abort();
      idling.abort();
      stopListening();
      await Promise.all(retiring);
    },
  };
}

/** The id that an event names, undefined when it names none. Any role can send anything: the id is as good as a rumour. */
function readJobid(payload: string): number | undefined {
  try {
    const event: unknown = JSON.parse(payload);
    if (typeof event !== 'object' || event === null || !('jobid' in event)) return undefined;
    return typeof event.jobid === 'number' ? event.jobid : undefined;
  } catch {
    return undefined;
  }
}
