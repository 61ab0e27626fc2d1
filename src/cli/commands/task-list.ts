import { createCallerDb } from '../../client/caller-db.ts';
import { listTasks } from '../../client/tasks/list-tasks.ts';
import type { CliCommand } from '../cli-command.ts';
import { isOn } from '../cli-option.ts';
import { JSON_OPTION, LIMIT_OPTION, limitOf } from '../common-options.ts';
import { CONNECTION_OPTIONS, connectionOf } from '../connection-options.ts';
import { EXIT } from '../exit.ts';
import { printTasks } from '../tasks/render-task.ts';
import { TASK_FILTER_OPTIONS, taskFilterOf } from '../tasks/task-filter-options.ts';
import { withSession } from '../with-session.ts';

export const taskListCommand: CliCommand = {
  name: 'task list',
  summary: 'show tasks and their progress',
  details:
    'Shows tasks, the latest first, with their progress or why they wait. A role sees its own, the owner of the schema all.',
  options: [...CONNECTION_OPTIONS, ...TASK_FILTER_OPTIONS, LIMIT_OPTION, JSON_OPTION],
  examples: [
    { command: 'lamplighter task list --status queued --status running', does: 'what is not done' },
    { command: 'lamplighter task list --status failed --since 1d', does: 'what failed today' },
  ],
  logLevel: 'warn',
  async run(invocation) {
    const { terminal } = invocation;
    const limit = limitOf(invocation, 999_999_999);
    const filter = { ...taskFilterOf(invocation), limit };
    const tasks = await withSession(invocation, connectionOf(invocation), (session) =>
      listTasks(createCallerDb(session), filter),
    );
    if (isOn(invocation, JSON_OPTION)) terminal.print(JSON.stringify(tasks));
    else if (tasks.length === 0) terminal.print('No task matches.');
    else printTasks(invocation, tasks);
    return EXIT.done;
  },
};
