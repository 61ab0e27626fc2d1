import type { Clock } from '../../core/clock.ts';
import { groupBy } from '../../core/group-by.ts';
import type { Troubles } from '../../core/recurring-trouble.ts';
import { type Service, startLoop } from '../../core/service.ts';
import type { Queryable } from '../../db/query.ts';
import { listTaskCancels } from '../../tasks/task-upkeep.ts';
import type { Attempt } from './attempt.ts';

const INTERVAL_MS = 1_000;

export interface TaskCancellerDeps {
  readonly db: Queryable;
  readonly attempts: ReadonlySet<Attempt>;
  readonly troubles: Troubles;
  readonly clock: Clock;
}

export interface TaskCanceller extends Service {
  /** Somebody may have cancelled a task: find out. */
  wake(): void;
}

/** Duty: breaks off tasks of this worker that are cancelled; asks the database at once after a hint, and once a second. */
export function startTaskCanceller({ db, attempts, troubles, clock }: TaskCancellerDeps): TaskCanceller {
  const loop = startLoop({
    intervalMs: INTERVAL_MS,
    async runOnce() {
      for (const [workerId, own] of groupBy([...attempts], (attempt) => attempt.workerId)) {
        const cancelled = await listTaskCancels(db, workerId);
        const keys = new Set(cancelled.map(({ runId, attempt }) => `${runId} ${attempt}`));
        for (const attempt of own) if (keys.has(`${attempt.task.runId} ${attempt.task.attempt}`)) attempt.cancel();
      }
    },
    trouble: troubles.define('look for cancelled tasks'),
    clock,
  });
  return { wake: () => loop.wake(), stop: () => loop.stop() };
}
