import type { Logger } from '../../core/log.ts';
import type { Troubles } from '../../core/recurring-trouble.ts';
import type { Queryable } from '../../db/query.ts';
import type { Duty } from '../../process/duties.ts';
import { projectTasks, pruneTasks, settleStrayTasks } from '../../tasks/task-upkeep.ts';

const PROJECT_INTERVAL_MS = 1_000;
const PROJECT_LIMIT = 1_000;
const STRAY_INTERVAL_MS = 5_000;
const PRUNE_INTERVAL_MS = 60_000;
const PRUNE_LIMIT = 1_000;

export interface TaskDutiesDeps {
  readonly db: Queryable;
  /** Undefined keeps ended tasks for ever. */
  readonly retentionMs: number | undefined;
  readonly log: Logger;
  readonly troubles: Troubles;
}

/**
 * Duties for all tasks of the installation, in small transactions: what a death or a lock leaves over, a later pass takes.
 *
 * `project_tasks` writes ends into lantern.tasks that somebody had locked; `settle_stray_tasks` ends queued tasks that nobody may run, as
 * their role is gone; `prune_tasks` deletes those past their retention.
 */
export function createTaskDuties({ db, retentionMs, log, troubles }: TaskDutiesDeps): Duty[] {
  const project: Duty = {
    name: () => 'project_tasks',
    intervalMs: PROJECT_INTERVAL_MS,
    async run(_heartbeat, signal) {
      while ((await projectTasks(db, PROJECT_LIMIT)) === PROJECT_LIMIT && !signal.aborted);
    },
    trouble: troubles.define('write the outcomes of tasks into lantern.tasks'),
  };
  const settleStrays: Duty = {
    name: () => 'settle_stray_tasks',
    intervalMs: STRAY_INTERVAL_MS,
    async run() {
      const tasks = await settleStrayTasks(db);
      if (tasks > 0)
        log.info({ tasks }, 'ended queued tasks of roles that were dropped or renamed, or of a copied database');
    },
    trouble: troubles.define('end tasks that nobody may run'),
  };
  if (retentionMs === undefined) return [project, settleStrays];
  const prune: Duty = {
    // Workers may be told different retentions: the shortest one counts.
    name: () => `prune_tasks_after_${retentionMs}ms`,
    intervalMs: Math.min(PRUNE_INTERVAL_MS, Math.max(1_000, retentionMs / 2)),
    async run(_heartbeat, signal) {
      let pruned = 0;
      let last = PRUNE_LIMIT;
      while (last === PRUNE_LIMIT && !signal.aborted) {
        last = await pruneTasks(db, retentionMs, PRUNE_LIMIT);
        pruned += last;
      }
      if (pruned > 0) log.info({ pruned }, 'deleted ended tasks past their retention');
    },
    trouble: troubles.define('prune tasks'),
  };
  return [project, settleStrays, prune];
}
