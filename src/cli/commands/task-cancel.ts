import { createCallerDb } from '../../client/caller-db.ts';
import { cancelTask } from '../../client/tasks/enqueue-task.ts';
import { listTasks } from '../../client/tasks/list-tasks.ts';
import { LamplighterError } from '../../core/errors.ts';
import type { Queryable } from '../../db/query.ts';
import type { CliCommand, Invocation } from '../cli-command.ts';
import { isOn } from '../cli-option.ts';
import { JSON_OPTION, YES_OPTION } from '../common-options.ts';
import { CONNECTION_OPTIONS, connectionOf } from '../connection-options.ts';
import { EXIT, type ExitCode } from '../exit.ts';
import { printTasks } from '../tasks/render-task.ts';
import { parseJobid, TASK_FILTER_OPTIONS, taskFilterOf } from '../tasks/task-filter-options.ts';
import { withSession } from '../with-session.ts';

const MOST = 1_000;

export const taskCancelCommand: CliCommand = {
  name: 'task cancel',
  summary: 'cancel tasks, running ones too',
  details:
    'Cancels the tasks that are named, or after a question those that match the flags and have not ended. A running one ends ' +
    'within a second. The exit code is 1 if a named task had ended already.',
  options: [...CONNECTION_OPTIONS, ...TASK_FILTER_OPTIONS, YES_OPTION, JSON_OPTION],
  argument: { name: 'id', describes: 'the id of a task', isRepeatable: true },
  examples: [
    { command: 'lamplighter task cancel 42', does: 'one task' },
    { command: 'lamplighter task cancel --name refresh --yes', does: 'all unfinished ones of that name' },
  ],
  logLevel: 'warn',
  async run(invocation) {
    const named = invocation.args.map(parseJobid);
    const filter = taskFilterOf(invocation);
    if ((named.length === 0) === (filter === undefined)) {
      throw new LamplighterError('USAGE', 'expected either ids of tasks or flags that say which', {
        hint: '"lamplighter task cancel --help" shows examples.',
      });
    }
    return withSession(invocation, connectionOf(invocation), async (session) => {
      const db = createCallerDb(session);
      if (named.length > 0) return cancelAll(invocation, db, named);
      const states = (filter?.states ?? ['queued', 'running']).filter(
        (state) => state === 'queued' || state === 'running',
      );
      const tasks = await listTasks(db, { ...filter, states, limit: MOST });
      if (tasks.length === 0) {
        invocation.terminal.print(isOn(invocation, JSON_OPTION) ? '[]' : 'No unfinished task matches.');
        return EXIT.done;
      }
      if (!isOn(invocation, YES_OPTION)) {
        printTasks(invocation, tasks);
        const answer = await confirm(invocation, tasks.length);
        if (answer !== 'yes') return answer === 'no' ? EXIT.done : EXIT.interrupted;
      }
      await cancelAll(
        invocation,
        db,
        tasks.map(({ jobid }) => jobid),
      );
      // What ended by itself in the meantime is no failure: nobody named it.
      return EXIT.done;
    });
  },
};

async function cancelAll(
  { terminal, ...invocation }: Invocation,
  db: Queryable,
  jobids: readonly number[],
): Promise<ExitCode> {
  const results: { jobid: number; wasUnfinished: boolean }[] = [];
  for (const jobid of jobids) results.push({ jobid, wasUnfinished: await cancelTask(db, jobid) });
  if (isOn(invocation, JSON_OPTION)) terminal.print(JSON.stringify(results));
  else {
    for (const { jobid, wasUnfinished } of results) {
      terminal.print(
        wasUnfinished
          ? `Task ${jobid} is being canceled.`
          : `There is no task ${jobid} to cancel: it has ended, or it is not yours.`,
      );
    }
  }
  return results.every(({ wasUnfinished }) => wasUnfinished) ? EXIT.done : EXIT.failed;
}

/** Asks on a terminal; anything but yes leaves everything as it is. */
async function confirm({ terminal, interruption }: Invocation, count: number): Promise<'yes' | 'no' | 'interrupted'> {
  if (!terminal.isInteractive) {
    throw new LamplighterError('USAGE', 'Nothing was canceled: there is no terminal to ask on', {
      hint: 'Add --yes to cancel what is listed above.',
    });
  }
  const prompts = await import('@clack/prompts');
  const message = `Cancel ${count === 1 ? 'this task' : `these ${count} tasks`}?`;
  const answer = await prompts.confirm({ message, initialValue: false, signal: interruption.first });
  if (answer === true) return 'yes';
  terminal.print('Nothing was canceled.');
  return prompts.isCancel(answer) ? 'interrupted' : 'no';
}
