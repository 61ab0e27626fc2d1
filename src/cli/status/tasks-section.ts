import { listTasks } from '../../client/tasks/list-tasks.ts';
import type { TaskStatus } from '../../client/tasks/task-status.ts';
import type { Queryable } from '../../db/query.ts';
import { classifySqlState } from '../../db/sqlstate.ts';
import { renderAge } from '../render-units.ts';
import { TASK_HEADER, taskCells } from '../tasks/render-task.ts';
import { countText, recentText } from './requests-section.ts';
import type { StatusSection } from './status-section.ts';

/** The rest is in `lamplighter task list`. */
const MOST_SHOWN = 20;

/** Async tasks: how many, and those that have not ended with their progress. */
export const tasksSection: StatusSection = {
  title: 'Tasks',
  async read(db, { figures: { tasks }, recentTasks }) {
    const unfinished = tasks.queued.count + tasks.running === 0 ? [] : await readUnfinished(db);
    const { oldestQueuedMs, ...counts } = tasks;
    return {
      json: {
        tasks: {
          ...counts,
          ...(oldestQueuedMs === undefined ? {} : { oldestQueuedMs }),
          ...(recentTasks === undefined ? {} : { lastHour: recentTasks }),
          ...(unfinished === undefined ? {} : { unfinished }),
        },
      },
      print(screen) {
        screen.title('Tasks');
        if (tasks.queued.count + tasks.running === 0) screen.line('none waits or runs');
        else {
          const age = oldestQueuedMs === undefined ? '-' : renderAge(oldestQueuedMs);
          screen.table(['queued', 'running', 'longest wait'], [[countText(tasks.queued), String(tasks.running), age]]);
          if (unfinished !== undefined && unfinished.length > 0) screen.table(TASK_HEADER, unfinished.map(taskCells));
          if (!tasks.isServed) screen.line('no running worker runs tasks; start one with: lamplighter worker');
        }
        if (recentTasks !== undefined && recentTasks.enqueued + recentTasks.completed + recentTasks.failed > 0) {
          screen.line(recentText(recentTasks));
        }
      },
    };
  },
};

/** The latest; a role that sees figures only sees none. */
async function readUnfinished(db: Queryable): Promise<readonly TaskStatus[] | undefined> {
  try {
    return await listTasks(db, { states: ['queued', 'running'], limit: MOST_SHOWN });
  } catch (error) {
    if (classifySqlState(error) !== 'permission') throw error;
    return undefined;
  }
}
