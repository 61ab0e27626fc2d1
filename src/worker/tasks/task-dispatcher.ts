import { hasCode } from '../../core/errors.ts';
import type { Troubles } from '../../core/recurring-trouble.ts';
import { type Service, startLoop } from '../../core/service.ts';
import type { Queryable } from '../../db/query.ts';
import { sqlStateOf } from '../../db/sqlstate.ts';
import { createLoopWatch } from '../../process/loop-watch.ts';
import type { PollSchedule } from '../../process/poll-schedule.ts';
import type { WorkloadContext } from '../../process/workload.ts';
import { type ClaimedTask, claimTasks } from '../../tasks/claim-tasks.ts';
import type { RoleBackoff } from './role-backoff.ts';

/** SQLSTATE of lamplighter.require_lease. */
const LEASE_LOST = 'LL001';

export interface TaskDispatcherDeps extends Pick<WorkloadContext, 'lease' | 'log' | 'clock'> {
  readonly db: Queryable;
  /** Longest run of the completion handlers that one task calls. */
  readonly handlerTimeoutMs: number;
  /** Tasks that may be started now. */
  readonly room: () => number;
  readonly start: (task: ClaimedTask, workerId: string) => void;
  /** Nothing is queued that could be claimed. */
  readonly onIdle: () => void;
  readonly backoff: Pick<RoleBackoff, 'listSkipped' | 'nextMs'>;
  readonly schedule: PollSchedule;
  readonly troubles: Troubles;
}

export interface TaskDispatcher extends Service {
  /** Something may be queued, or there is room: look now. */
  wake(): void;
  /** What is wrong with the claiming; undefined when nothing is. */
  problem(): string | undefined;
}

/**
 * Duty: claims tasks for free slots and starts them. Changes nothing but by claiming; what it has claimed when the process dies is
 * rescued. `stop` claims nothing more and leaves what runs to its owner.
 */
export function startTaskDispatcher(deps: TaskDispatcherDeps): TaskDispatcher {
  const { db, lease, handlerTimeoutMs, room, start, onIdle, backoff, schedule, log, troubles, clock } = deps;

  async function claim(): Promise<number> {
    const { workerId } = lease;
    try {
      const claimed = await claimTasks(db, workerId, {
        limit: room(),
        skippedRoles: backoff.listSkipped(),
        handlerTimeoutMs,
      });
      for (const task of claimed) start(task, workerId);
      return claimed.length;
    } catch (error) {
      // The server may have given tasks to this worker that it knows nothing of.
      if (hasCode(error, 'CONNECTION_LOST')) lease.retire();
      throw error;
    }
  }

  async function dispatch(signal: AbortSignal): Promise<void> {
    while (!signal.aborted && room() > 0) {
      watch.step();
      if ((await claim()) > 0) {
        schedule.reset();
        continue;
      }
      onIdle();
      if (!(await schedule.requestOnce())) return;
    }
  }

  const watch = createLoopWatch(clock);
  const loop = startLoop({
    intervalMs: () => Math.min(schedule.nextPauseMs(), backoff.nextMs() ?? Number.POSITIVE_INFINITY),
    async runOnce(signal) {
      try {
        await watch.run(() => dispatch(signal));
      } catch (error) {
        if (sqlStateOf(error) !== LEASE_LOST) throw error;
        log.debug('claimed no task, as the lease is lost');
        lease.check();
      }
    },
    trouble: troubles.define('claim tasks'),
    clock,
  });
  return { wake: () => loop.wake(), problem: watch.problem, stop: () => loop.stop() };
}
