import { createCallerDb } from '../../client/caller-db.ts';
import { retryTasks } from '../../client/tasks/retry-tasks.ts';
import { LamplighterError } from '../../core/errors.ts';
import { runInTransaction } from '../../db/transaction.ts';
import { recordAudit } from '../../operations/record-audit.ts';
import type { CliCommand } from '../cli-command.ts';
import { isOn } from '../cli-option.ts';
import { JSON_OPTION } from '../common-options.ts';
import { CONNECTION_OPTIONS, connectionOf } from '../connection-options.ts';
import { EXIT } from '../exit.ts';
import { parseJobid } from '../tasks/task-filter-options.ts';
import { withSession } from '../with-session.ts';

export const taskRetryCommand: CliCommand = {
  name: 'task retry',
  summary: 'run the text of failed tasks once more',
  details:
    'Queues the texts of tasks of yours that failed or were canceled once more: each as a new task, of the same name, with the search_path ' +
    'of the former. The exit code is 1 if one was not retried.',
  options: [...CONNECTION_OPTIONS, JSON_OPTION],
  argument: { name: 'id', describes: 'the id of a task', isRepeatable: true },
  examples: [{ command: 'lamplighter task retry 42', does: 'one task' }],
  logLevel: 'warn',
  async run(invocation) {
    const { terminal } = invocation;
    const jobids = invocation.args.map(parseJobid).map(String);
    if (jobids.length === 0) {
      throw new LamplighterError('USAGE', 'expected the ids of tasks', {
        hint: 'To find them: lamplighter task list --status failed',
      });
    }
    const tasks = await withSession(invocation, connectionOf(invocation), (session) =>
      runInTransaction(session, async (transaction) => {
        const db = createCallerDb(transaction);
        const retried = await retryTasks(db, jobids);
        const count = retried.filter(({ newJobid }) => newJobid !== undefined).length;
        const filter = { ids: jobids };
        await recordAudit(db, { source: 'command line' }, { action: 'retry', kind: 'tasks', filter, count });
        return retried;
      }),
    );
    if (isOn(invocation, JSON_OPTION)) terminal.print(JSON.stringify(tasks));
    else {
      for (const { jobid, newJobid } of tasks) {
        terminal.print(
          newJobid === undefined
            ? `Task ${jobid} was not retried: it has not failed, or it is not yours.`
            : `Task ${jobid} is queued again as task ${newJobid}.`,
        );
      }
    }
    return tasks.every(({ newJobid }) => newJobid !== undefined) ? EXIT.done : EXIT.failed;
  },
};
