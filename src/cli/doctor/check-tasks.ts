import { listTasks } from '../../client/tasks/list-tasks.ts';
import { groupBy } from '../../core/group-by.ts';
import { classifySqlState } from '../../db/sqlstate.ts';
import type { Check, Finding } from './check.ts';

/** Tasks that are looked at for their reasons. */
const MOST = 1_000;

/** Whether tasks wait for something that does not come by itself. */
export const checkTasks: Check = async ({ session }) => {
  const subject = 'tasks';
  try {
    const waiting = await listTasks(session, { states: ['queued'], limit: MOST });
    const held = waiting.filter(({ reason }) => reason !== undefined && reason !== 'all workers are busy');
    return [...groupBy(held, ({ reason = '' }) => reason)].map(
      ([reason, tasks]): Finding => ({
        state: 'warning',
        subject,
        says: `${tasks.length} ${tasks.length === 1 ? 'waits' : 'wait'}: ${reason}`,
        fix: 'See "lamplighter task list --status queued", and what the workers say.',
      }),
    );
  } catch (error) {
    if (classifySqlState(error) !== 'permission') throw error;
    return [];
  }
};
