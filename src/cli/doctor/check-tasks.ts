import { listTasks } from '../../client/tasks/list-tasks.ts';
import { groupBy } from '../../core/group-by.ts';
import type { Finding, ServerCheck } from './check.ts';

/** Tasks that are looked at for their reasons. */
const MOST = 1_000;

/** Whether tasks wait for something that does not come by itself. */
export const tasksCheck: ServerCheck = {
  name: 'tasks',
  looksAt: 'queued tasks that wait for something that does not come by itself',
  needs: 'schema',
  rights: 'the right to queue, or the owner of the schema',
  async run({ session }) {
    const waiting = await listTasks(session, { states: ['queued'], limit: MOST });
    const held = waiting.filter(({ reason }) => reason !== undefined && reason !== 'all workers are busy');
    return [...groupBy(held, ({ reason = '' }) => reason)].map(
      ([reason, tasks]): Finding => ({
        state: 'warning',
        message: `${waiting.length === MOST ? 'at least ' : ''}${tasks.length} ${tasks.length === 1 ? 'waits' : 'wait'}: ${reason}`,
        advice: 'See "lamplighter task list --status queued", and what the workers say.',
      }),
    );
  },
};
