import type { Clock } from '../../core/clock.ts';
import type { Logger } from '../../core/log.ts';
import type { Troubles } from '../../core/recurring-trouble.ts';
import { type Loop, type Service, startLoop } from '../../core/service.ts';
import { sendCancel } from '../../db/cancel-query.ts';
import type { ConnectionSettings } from '../../db/connection/connection-settings.ts';
import type { Queryable } from '../../db/query.ts';
import type { Rescue } from '../../process/death-watch.ts';
import { type RescuedTask, rescueCancelledTasks, rescueTasks } from '../../tasks/rescue-tasks.ts';
import { terminateBackend } from '../../tasks/signal-backend.ts';
import type { TaskSessions } from './task-sessions.ts';

/** The time after which a worker that is well has broken the task off. */
const CANCEL_MS = 700;
/** How long a cancel request is given before the backend is terminated, and before the task is looked at again. */
const STEP_MS = 250;
/** Looks at a cancelled task of another worker, after which the rescue goes on. */
const MOST_LOOKS = 8;

export interface TaskRescuerDeps {
  readonly db: Queryable;
  readonly workerId: () => string;
  readonly sessions: Pick<TaskSessions, 'withSignaller'>;
  /** Where to send cancel requests. */
  readonly settings: ConnectionSettings;
  /** Told after tasks were put back into the queue. */
  readonly onRescued: () => void;
  /** Told of each task that was settled, or put back. */
  readonly onSettled: (status: Exclude<RescuedTask['status'], 'running'>) => void;
  readonly log: Logger;
  readonly troubles: Troubles;
  readonly clock: Clock;
}

export interface TaskRescuer {
  readonly rescue: Rescue;
  /** Begins to see to cancelled tasks of other workers; only once the lease is granted. */
  start(): TaskCancelRescuer;
}

export interface TaskCancelRescuer extends Service {
  /** A task of another worker was cancelled, which may be dead. */
  noteCancel(): void;
}

/**
 * Rescue of tasks: settles those of dead workers whose backend is gone. A backend that is still there may be at work for a worker that is
 * only frozen, so it is left alone, unless somebody has cancelled the task: then it is broken off, by the key that was kept for that and by
 * a login as its role where that can be had. Whoever hears of a cancel does so within a second, long before a death is proven.
 */
export function createTaskRescuer(deps: TaskRescuerDeps): TaskRescuer {
  const { db, workerId, sessions, settings, onRescued, onSettled, log, troubles, clock } = deps;

  async function breakOff(
    { username, pid, cancelKey, backendStart, jobid }: RescuedTask,
    signal: AbortSignal,
  ): Promise<void> {
    if (pid === undefined || backendStart === undefined) return;
    try {
      if (cancelKey !== undefined) await sendCancel(settings, { processId: pid, secretKey: cancelKey });
      await clock.delay(cancelKey === undefined ? 0 : STEP_MS, signal);
      await sessions.withSignaller(username, signal, (session) => terminateBackend(session, { pid, backendStart }));
    } catch (error) {
      log.debug({ err: error, jobid }, 'could not terminate the backend of a cancelled task of another worker');
    }
  }

  async function settle(tasks: readonly RescuedTask[], isCancel: boolean, signal: AbortSignal): Promise<void> {
    for (const { jobid, status } of tasks) {
      if (status === 'running') continue;
      onSettled(status);
      // Whoever had it may be well, and only late.
      if (isCancel) log.info({ jobid, status }, 'ended a cancelled task of another worker');
      else log.warn({ jobid, status }, 'rescued a task whose worker has ended');
    }
    if (tasks.some(({ status }) => status === 'queued')) onRescued();
    await Promise.all(tasks.filter((task) => task.isAlive && task.isCancelled).map((task) => breakOff(task, signal)));
  }

  function start(): TaskCancelRescuer {
    let looksLeft = 0;
    let dueMs = 0;
    const loop: Loop = startLoop({
      intervalMs: () => (looksLeft === 0 ? Number.POSITIVE_INFINITY : Math.max(STEP_MS, dueMs - clock.nowMs())),
      async runOnce(signal) {
        if (looksLeft === 0 || clock.nowMs() < dueMs) return;
        looksLeft -= 1;
        const tasks = await rescueCancelledTasks(db, workerId(), CANCEL_MS);
        await settle(tasks, true, signal);
        if (tasks.every(({ status }) => status !== 'running')) looksLeft = 0;
      },
      trouble: troubles.define('see to cancelled tasks of other workers'),
      clock,
    });
    return {
      noteCancel() {
        if (looksLeft === 0) dueMs = clock.nowMs() + CANCEL_MS + 50;
        looksLeft = MOST_LOOKS;
        loop.wake();
      },
      stop: () => loop.stop(),
    };
  }

  return {
    rescue: {
      name: 'rescue_tasks',
      async run(_reachability, signal) {
        await settle(await rescueTasks(db, workerId()), false, signal);
        await settle(await rescueCancelledTasks(db, workerId(), CANCEL_MS), true, signal);
      },
      trouble: troubles.define('rescue tasks of dead workers'),
    },
    start,
  };
}
