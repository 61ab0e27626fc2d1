import { createCallerDb } from '../../client/caller-db.ts';
import { findTasks, listTasks } from '../../client/tasks/list-tasks.ts';
import { LamplighterError } from '../../core/errors.ts';
import type { Session } from '../../db/session.ts';
import { runInTransaction } from '../../db/transaction.ts';

import { actOnTasks } from '../../operations/actions.ts';
import { recordAudit } from '../../operations/record-audit.ts';
import type { ActionOutcome } from '../../operations/shapes.ts';
import type { CliCommand, Invocation } from '../cli-command.ts';
import { isOn } from '../cli-option.ts';
import { JSON_OPTION, YES_OPTION } from '../common-options.ts';
import { CONNECTION_OPTIONS, connectionOf } from '../connection-options.ts';
import { EXIT, type ExitCode } from '../exit.ts';
import { codeOfInterruption } from '../interruption.ts';
import { printTasks } from '../tasks/render-task.ts';
import { parseJobid, TASK_FILTER_OPTIONS, taskFilterOf } from '../tasks/task-filter-options.ts';
import { withSession } from '../with-session.ts';

const SAMPLES = 10;
/** Cancelled in one transaction. */
const STEP = 5_000;
const ACTOR = { source: 'command line' } as const;

type Filter = NonNullable<ReturnType<typeof taskFilterOf>>;

export const taskCancelCommand: CliCommand = {
  name: 'task cancel',
  summary: 'cancel tasks, running ones too',
  details:
    'Cancels the tasks that are named, or after a question all that match the flags and have not ended. A running one ends ' +
    'within a second. The exit code is 1 if a named task was not canceled.',
  options: [...CONNECTION_OPTIONS, ...TASK_FILTER_OPTIONS, YES_OPTION, JSON_OPTION],
  argument: { name: 'id', describes: 'the id of a task', isRepeatable: true },
  examples: [
    { command: 'lamplighter task cancel 42', does: 'one task' },
    { command: 'lamplighter task cancel --name refresh --yes', does: 'all unfinished ones of that name' },
  ],
  logLevel: 'warn',
  async run(invocation) {
    const named = invocation.args.map(parseJobid).map(String);
    const filter = taskFilterOf(invocation);
    if ((named.length === 0) === (filter === undefined)) {
      throw new LamplighterError('USAGE', 'expected either ids of tasks or flags that say which', {
        hint: '"lamplighter task cancel --help" shows examples.',
      });
    }
    return withSession(invocation, connectionOf(invocation), (session) =>
      filter === undefined ? cancelNamed(invocation, session, named) : cancelMatching(invocation, session, filter),
    );
  },
};

async function cancelNamed(invocation: Invocation, session: Session, jobids: readonly string[]): Promise<ExitCode> {
  const { terminal } = invocation;
  const { skipped } = await cancelAll(session, jobids, { ids: jobids });
  const reasons = new Map(skipped.map(({ id, reason }) => [id, reason]));
  if (isOn(invocation, JSON_OPTION)) {
    terminal.print(JSON.stringify(jobids.map((id) => ({ jobid: Number(id), wasUnfinished: !reasons.has(id) }))));
  } else {
    for (const id of jobids) {
      const reason = reasons.get(id);
      terminal.print(
        reason === undefined ? `Task ${id} is being canceled.` : `Task ${id} was not canceled: ${reason}.`,
      );
    }
  }
  return skipped.length === 0 ? EXIT.done : EXIT.failed;
}

/** What ends by itself in the meantime is no failure: nobody named it. */
async function cancelMatching(invocation: Invocation, session: Session, filter: Filter): Promise<ExitCode> {
  const { terminal, interruption } = invocation;
  const states = (filter.states ?? ['queued', 'running']).filter((state) => state === 'queued' || state === 'running');
  const db = createCallerDb(session);
  const jobids = states.length === 0 ? [] : await findTasks(db, { ...filter, states });
  if (jobids.length > 0 && !isOn(invocation, YES_OPTION)) {
    const samples = jobids.slice(0, SAMPLES).map(Number);
    printTasks(invocation, await listTasks(db, { jobids: samples, limit: SAMPLES }));
    const answer = await confirm(invocation, jobids.length);
    if (answer !== 'yes') return answer === 'no' ? EXIT.done : EXIT.interrupted;
  }
  const { states: state, jobids: id, jobName: name, ...others } = filter;
  let done = 0;
  let at = 0;
  for (; at < jobids.length && !interruption.first.aborted; at += STEP) {
    done += (await cancelAll(session, jobids.slice(at, at + STEP), { id, state, name, ...others })).done;
    terminal.showStatus(`canceled: ${done} of ${jobids.length}`);
  }
  terminal.showStatus();
  if (isOn(invocation, JSON_OPTION)) terminal.print(JSON.stringify({ canceled: done }));
  else terminal.print(jobids.length === 0 ? 'No unfinished task matches.' : `Tasks that are being canceled: ${done}`);
  return at < jobids.length ? codeOfInterruption(interruption) : EXIT.done;
}

/** `filter`: what was asked for, as the audit shows it. */
function cancelAll(
  session: Session,
  jobids: readonly string[],
  filter: Readonly<Record<string, unknown>>,
): Promise<ActionOutcome> {
  return runInTransaction(session, async (transaction) => {
    const db = createCallerDb(transaction);
    const outcome = await actOnTasks(db, 'cancel', jobids);
    await recordAudit(db, ACTOR, { action: 'cancel', kind: 'tasks', filter, count: outcome.done });
    return outcome;
  });
}

/** Asks on a terminal; anything but yes leaves everything as it is. */
async function confirm({ terminal, interruption }: Invocation, count: number): Promise<'yes' | 'no' | 'interrupted'> {
  if (!terminal.isInteractive) {
    throw new LamplighterError('USAGE', 'Nothing was canceled: there is no terminal to ask on', {
      hint: `Add --yes to cancel all that match: ${count}`,
    });
  }
  const prompts = await import('@clack/prompts');
  const message = count === 1 ? 'Cancel this task?' : `Cancel all ${count} tasks that match?`;
  const answer = await prompts.confirm({ message, initialValue: false, signal: interruption.first });
  if (answer === true) return 'yes';
  terminal.print('Nothing was canceled.');
  return prompts.isCancel(answer) ? 'interrupted' : 'no';
}
