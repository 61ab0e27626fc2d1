import type { RunChange, RunState } from './task-journal.ts';
import type { TaskReport } from './task-violation.ts';

export interface TaskLifeOptions {
  /** A call with an unknown outcome counts. */
  readonly isCancelAsked: (jobid: string, role: string) => boolean;
  /** When a caller was told that its cancel came in time, by the clock of this machine; undefined where none was. */
  readonly cancelledMs: (jobid: string, role: string) => number | undefined;
  readonly cancelSlackMs: number;
  readonly mayDelete: boolean;
}

const ENDED: readonly string[] = ['succeeded', 'failed', 'canceled'];
/** Of a server that crashed. */
const MOST_CHARGE = 2;

/** Checks the life of one run, change after change. */
export function checkTaskLife(changes: readonly RunChange[], options: TaskLifeOptions, report: TaskReport): void {
  let previous: RunState | undefined;
  let claimer: string | undefined;
  for (const change of changes) {
    const { before, after, key, seq } = change;
    const say = (rule: Parameters<TaskReport>[0], what: string) => report(rule, key, `change ${seq}: ${what}`);
    const missed = differenceOf(previous, before);
    if (missed !== undefined) say('continuity', `begins with another ${missed} than the one before it ended with`);
    previous = after;
    checkCancel(change, options, say);
    if (before === undefined) checkBirth(after, say);
    else if (after === undefined) {
      if (!options.mayDelete) say('unasked', 'deleted');
      if (!ENDED.includes(before.state)) say('transition', `deleted while ${before.state}`);
    } else {
      checkStep(change, before, after, { claimer, options, say });
      if (before.state === 'queued' && after.state === 'running') claimer = change.actor;
    }
  }
}

type Say = (rule: Parameters<TaskReport>[0], what: string) => void;

function checkBirth(after: RunState | undefined, say: Say): void {
  if (after?.state !== 'queued' || after.attempt !== 0 || after.charge !== 0)
    say('transition', `queued as ${after?.state}`);
}

/** A cancel takes effect when its caller commits: what has not succeeded by then ends canceled. */
function checkCancel(
  { before, after, atMs }: RunChange,
  { cancelledMs, cancelSlackMs }: TaskLifeOptions,
  say: Say,
): void {
  if (before === undefined || after === undefined || ENDED.includes(before.state)) return;
  const lateMs = atMs - (cancelledMs(before.jobid, before.username) ?? Number.POSITIVE_INFINITY);
  if (lateMs <= cancelSlackMs || after.state === before.state || ['succeeded', 'canceled'].includes(after.state))
    return;
  say('cancel', `${before.state} -> ${after.state} ${Math.round(lateMs)} ms after a caller was told of its cancel`);
}

interface StepContext {
  readonly claimer: string | undefined;
  readonly options: TaskLifeOptions;
  readonly say: Say;
}

function checkStep(change: RunChange, before: RunState, after: RunState, { claimer, options, say }: StepContext): void {
  const step = `${before.state} -> ${after.state}`;
  const isAsked = options.isCancelAsked(before.jobid, before.username);
  if (after.attempt !== before.attempt + (step === 'queued -> running' ? 1 : 0)) {
    say('count', `${step} took attempt from ${before.attempt} to ${after.attempt}`);
  }
  const charged = after.charge - before.charge;
  const mayCharge = before.state === 'running' && after.state !== 'succeeded' && after.state !== 'canceled';
  if (charged < 0 || charged > (mayCharge ? MOST_CHARGE : 0)) say('count', `${step} charged ${charged}`);
  if (after.state === 'canceled' && !isAsked) say('unasked', step);
  switch (step) {
    case 'queued -> queued':
    case 'running -> running':
      return;
    case 'queued -> running':
      if (after.workerId === null) say('lease', 'claimed by nobody');
      if (before.isBare) say('transition', 'claimed again though it had run bare');
      return;
    case 'queued -> canceled':
      return;
    case 'running -> queued':
      if (before.isBare) say('transition', 'given back though it runs bare');
      if (change.isBackendThere) say('lease', 'given back while its backend was at work');
      if (change.actor !== claimer && !change.isHolderOver && !isAsked) say('lease', `given back by ${change.actor}`);
      return;
    case 'running -> succeeded':
    case 'running -> failed':
    case 'running -> canceled':
      if (change.actor === claimer) return;
      if (change.isBackendThere) say('lease', `ended by ${change.actor} while its backend was at work`);
      if (!change.isHolderOver && !isAsked) say('lease', `ended by ${change.actor}, held by ${claimer}`);
      return;
    default:
      if (!ENDED.includes(before.state)) say('transition', step);
      else if (after.state !== before.state || after.errorMessage !== before.errorMessage) say('ended-once', step);
  }
}

const TRACKED = ['state', 'attempt', 'charge', 'workerId', 'isBare', 'errorMessage', 'isProjected'] as const;

/** The first tracked column that differs; undefined when none does. */
function differenceOf(a: RunState | undefined, b: RunState | undefined): string | undefined {
  if (a === undefined || b === undefined) return a === b ? undefined : 'existence';
  return TRACKED.find((column) => a[column] !== b[column]);
}
