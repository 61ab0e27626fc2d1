import type { Client } from '../../client/client.ts';
import { hasEnded, type TaskStatus } from '../../client/tasks/task-status.ts';
import { hasCode } from '../../core/errors.ts';
import type { Invocation } from '../cli-command.ts';
import { EXIT, type ExitCode } from '../exit.ts';
import { codeOfInterruption } from '../interruption.ts';
import { createTaskProgress } from './task-progress.ts';

/**
 * Shows how a task goes until it ends. An interruption asks on a terminal whether to cancel it, and leaves it running elsewhere. The code
 * is that of its end: 1 when it failed or was canceled.
 */
export async function followTask(
  invocation: Invocation,
  client: Pick<Client, 'tasks'>,
  jobid: number,
): Promise<{ readonly code: ExitCode; readonly task?: TaskStatus }> {
  const { interruption, terminal } = invocation;
  const show = createTaskProgress(terminal);
  let last: TaskStatus | undefined;
  try {
    for await (const task of client.tasks.watch(jobid, { signal: interruption.first })) {
      last = task;
      if (!hasEnded(task)) show(task);
    }
  } catch (error) {
    terminal.showStatus();
    if (!interruption.first.aborted || !hasCode(error, 'ABORTED')) throw error;
    if (await isCancelWanted(invocation, jobid)) {
      await client.tasks.cancel(jobid);
      for await (const task of client.tasks.watch(jobid, { signal: interruption.second })) last = task;
      terminal.showStatus();
      return { code: codeOfInterruption(interruption), ...(last === undefined ? {} : { task: last }) };
    }
    const left = await client.tasks.check(jobid);
    // While the question stood there.
    if (left !== undefined && hasEnded(left)) return { code: codeOfEnd(left), task: left };
    terminal.printError(`Task ${jobid} goes on. To stop it: lamplighter task cancel ${jobid}`);
    return { code: codeOfInterruption(interruption) };
  }
  terminal.showStatus();
  return { code: codeOfEnd(last), ...(last === undefined ? {} : { task: last }) };
}

const codeOfEnd = (task: TaskStatus | undefined): ExitCode => (task?.state === 'succeeded' ? EXIT.done : EXIT.failed);

async function isCancelWanted({ terminal, interruption }: Invocation, jobid: number): Promise<boolean> {
  if (!terminal.isInteractive) return false;
  const prompts = await import('@clack/prompts');
  const answer = await prompts.select({
    message: `Task ${jobid} is not done.`,
    options: [
      { value: 'detach', label: 'Leave it running' },
      { value: 'cancel', label: 'Cancel it' },
    ],
    signal: interruption.second,
  });
  return answer === 'cancel';
}
