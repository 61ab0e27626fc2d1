import { createCallerDb } from '../../client/caller-db.ts';
import { readTask, readTaskText } from '../../client/tasks/list-tasks.ts';
import { LamplighterError } from '../../core/errors.ts';
import type { CliCommand } from '../cli-command.ts';
import { isOn } from '../cli-option.ts';
import { JSON_OPTION } from '../common-options.ts';
import { CONNECTION_OPTIONS, connectionOf } from '../connection-options.ts';
import { EXIT } from '../exit.ts';
import { printTask } from '../tasks/render-task.ts';
import { parseJobid } from '../tasks/task-filter-options.ts';
import { withSession } from '../with-session.ts';

export const taskShowCommand: CliCommand = {
  name: 'task show',
  summary: 'show one task, its text and its error',
  details: 'Shows everything about a task: why it waits, its progress, how it ended, and its text.',
  options: [...CONNECTION_OPTIONS, JSON_OPTION],
  argument: { name: 'id', describes: 'the id of the task' },
  examples: [{ command: 'lamplighter task show 42', does: 'one task' }],
  logLevel: 'warn',
  async run(invocation) {
    const { terminal, args } = invocation;
    const [text = ''] = args;
    const jobid = parseJobid(text);
    return withSession(invocation, connectionOf(invocation), async (session) => {
      const db = createCallerDb(session);
      const task = await readTask(db, jobid);
      if (task === undefined) {
        throw new LamplighterError('TASK_NOT_FOUND', `There is no task ${jobid} that you may see`, {
          hint: 'A role sees its own tasks, the owner of the schema all: lamplighter task list',
        });
      }
      const query = await readTaskText(db, jobid);
      if (isOn(invocation, JSON_OPTION)) terminal.print(JSON.stringify({ ...task, query }));
      else printTask(invocation, task, query);
      return EXIT.done;
    });
  },
};
