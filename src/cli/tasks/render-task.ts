import type { TaskStatus } from '../../client/tasks/task-status.ts';
import { toPrintable } from '../../core/printable.ts';
import { printTable } from '../render-table.ts';
import { renderAge } from '../render-units.ts';
import type { Terminal } from '../terminal.ts';

/** What a table of tasks shows of each. */
export const TASK_HEADER = ['id', 'name', 'role', 'state', 'waited', 'ran', 'done', 'about'];

/** Prints tasks as a table, with what there is to say of each. */
export function printTasks({ terminal }: { readonly terminal: Terminal }, tasks: readonly TaskStatus[]): void {
  printTable(terminal, TASK_HEADER, tasks.map(taskCells));
}

/** The cells of one task, under {@link TASK_HEADER}. */
export function taskCells(task: TaskStatus): string[] {
  const { jobid, jobName = '-', username, state, waitMs, runMs, progressPercent } = task;
  const age = (ms: number | undefined) => (ms === undefined ? '-' : renderAge(ms));
  const done = progressPercent === undefined ? '-' : `${Math.floor(progressPercent)} %`;
  return [String(jobid), jobName, username, state, age(waitMs), age(runMs), done, aboutTask(task)];
}

/** One line on why it waits, what it does, or how it ended. */
function aboutTask({ reason, progressPhase, blockedBy, errorMessage, commandTag }: TaskStatus): string {
  if (errorMessage !== undefined) return errorMessage.trim().split('\n', 1)[0] ?? '';
  const parts = [reason, progressPhase, blockedByText(blockedBy), commandTag];
  return parts.filter((part) => part !== undefined).join(', ');
}

export function blockedByText(pids: readonly number[]): string | undefined {
  const backends = pids.filter((pid) => pid !== 0);
  const parts = [
    backends.length === 0 ? '' : `${backends.length === 1 ? 'backend' : 'backends'} ${backends.join(', ')}`,
    // As PostgreSQL says it.
    pids.includes(0) ? 'a prepared transaction' : '',
  ].filter((part) => part !== '');
  return parts.length === 0 ? undefined : `blocked by ${parts.join(' and ')}`;
}

/** Prints all that is known of one task, and its text. */
export function printTask(
  { terminal }: { readonly terminal: Terminal },
  task: TaskStatus,
  text: string | undefined,
): void {
  const { style } = terminal;
  const age = (ms: number | undefined) => (ms === undefined ? undefined : renderAge(ms));
  const progress = task.progressPercent === undefined ? undefined : `${task.progressPercent} %`;
  const lines: readonly (readonly [string, string | undefined])[] = [
    ['name', task.jobName],
    ['role', task.username],
    ['state', task.state],
    ['reason', task.reason],
    ['guarantee', task.guarantee],
    ['queued', task.queuedAt.toISOString()],
    ['waited', age(task.waitMs)],
    ['ran', age(task.runMs)],
    ['attempt', task.attempt === 0 ? undefined : String(task.attempt)],
    ['worker', task.worker],
    ['backend', task.backendPid === undefined ? undefined : String(task.backendPid)],
    ['phase', task.progressPhase],
    ['done', progress],
    ['left', age(task.leftMs)],
    ['blocked by', blockedByText(task.blockedBy)?.replace('blocked by ', '')],
    ['result', task.commandTag],
    ['rows', task.rowCount === undefined ? undefined : String(task.rowCount)],
  ];
  terminal.print(style.bold(`Task ${task.jobid}`));
  for (const [name, value] of lines) {
    if (value !== undefined) terminal.print(`  ${style.dim(name.padEnd(10))} ${toPrintable(value)}`);
  }
  if (task.errorMessage !== undefined) printBlock(terminal, task.errorMessage.trimEnd(), style.red);
  if (text !== undefined) printBlock(terminal, text.trim(), style.cyan);
}

function printBlock(terminal: Terminal, text: string, mark: (line: string) => string): void {
  terminal.print();
  for (const line of text.split(/\r?\n/)) terminal.print(mark(`  ${toPrintable(line)}`));
}
