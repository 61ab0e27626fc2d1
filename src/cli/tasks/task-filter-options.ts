import type { TaskFilter } from '../../client/tasks/list-tasks.ts';
import { TASK_STATES, type TaskState } from '../../client/tasks/task-status.ts';
import type { Reading } from '../../core/config/option-values.ts';
import { DURATION_FORM, parseDuration } from '../../core/duration.ts';
import { LamplighterError } from '../../core/errors.ts';
import { showValue } from '../../core/show-value.ts';
import { didYouMean } from '../../core/suggest.ts';
import { type CliOption, listOf, type OptionInput, readOption, textOf } from '../cli-option.ts';

const STATUS: CliOption = {
  flag: 'status',
  argument: 'status',
  isRepeatable: true,
  describes: `only tasks that are ${TASK_STATES.join(', ')}`,
};
const ROLE: CliOption = { flag: 'role', argument: 'role', describes: 'only tasks of this role' };
const NAME: CliOption = { flag: 'name', argument: 'name', describes: 'only tasks with this name' };
const SINCE: CliOption = {
  flag: 'since',
  argument: 'duration',
  describes: 'only tasks queued no longer ago than this',
};
const UNTIL: CliOption = { flag: 'until', argument: 'duration', describes: 'only tasks queued at least this long ago' };
const ID: CliOption = { flag: 'id', argument: 'id', isRepeatable: true, describes: 'only this task' };

/** Which tasks a command is about. */
export const TASK_FILTER_OPTIONS: readonly CliOption[] = [STATUS, ROLE, NAME, SINCE, UNTIL, ID].map((option) => ({
  ...option,
  isFilter: true,
}));

/**
 * The filter that flags ask for; undefined where none of them is given.
 *
 * @throws LamplighterError USAGE
 */
export function taskFilterOf(input: OptionInput): Omit<TaskFilter, 'limit'> | undefined {
  const states = listOf(input, STATUS).map(parseState);
  const jobids = listOf(input, ID).map(parseJobid);
  const filter = {
    states: states.length === 0 ? undefined : states,
    jobids: jobids.length === 0 ? undefined : jobids,
    role: textOf(input, ROLE),
    jobName: textOf(input, NAME),
    sinceMs: readOption(input, SINCE, readAge),
    untilMs: readOption(input, UNTIL, readAge),
  };
  return Object.values(filter).every((value) => value === undefined) ? undefined : filter;
}

/** @throws LamplighterError USAGE */
export function parseJobid(text: string): number {
  const id = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (id > 0 && Number.isSafeInteger(id)) return id;
  throw new LamplighterError('USAGE', `expected the id of a task, such as 42, got ${showValue(text)}`);
}

function parseState(text: string): TaskState {
  const state = TASK_STATES.find((known) => known === text);
  if (state !== undefined) return state;
  const expected = `expected one of ${TASK_STATES.join(', ')}`;
  throw new LamplighterError('USAGE', `--status: ${expected}, got ${showValue(text)}${didYouMean(text, TASK_STATES)}`);
}

function readAge(text: string): Reading<number> {
  const value = parseDuration(text);
  return value === undefined ? { expected: DURATION_FORM } : { value };
}
