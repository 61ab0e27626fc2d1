import { countTasks } from '../../client/tasks/count-tasks.ts';
import { listTasks } from '../../client/tasks/list-tasks.ts';
import { renderAge } from '../render-age.ts';
import { TASK_HEADER, taskCells } from '../tasks/render-task.ts';
import type { StatusSection } from './status-section.ts';

/** The rest is in `lamplighter task list`. */
const MOST_SHOWN = 20;

/** Async tasks: how many, and those that have not ended with their progress. */
export const tasksSection: StatusSection = {
  title: 'Tasks',
  async read(db) {
    const counts = await countTasks(db);
    const unfinished = await listTasks(db, { states: ['queued', 'running'], limit: MOST_SHOWN });
    return {
      json: { tasks: { ...counts, unfinished } },
      print(screen) {
        screen.title('Tasks');
        const { longestWaitMs, longestRunMs, ...states } = counts;
        if (Object.values(states).every((count) => count === 0)) {
          screen.line('none');
          return;
        }
        const age = (ms: number | undefined) => (ms === undefined ? '-' : renderAge(ms));
        screen.table(
          [...Object.keys(states), 'longest wait', 'longest run'],
          [[...Object.values(states).map(String), age(longestWaitMs), age(longestRunMs)]],
        );
        if (unfinished.length > 0) screen.table(TASK_HEADER, unfinished.map(taskCells));
      },
    };
  },
};
