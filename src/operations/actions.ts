import { loadQuery } from '../db/load-sql.ts';
import type { Queryable } from '../db/query.ts';
import type { ActionOutcome, RequestAction, TaskAction } from './shapes.ts';

const ACT_ON_REQUESTS = loadQuery('act_on_requests');
const ACT_ON_TASKS = loadQuery('act_on_tasks');

export const REQUEST_ACTIONS: readonly RequestAction[] = ['retry', 'cancel', 'delete'];
export const TASK_ACTIONS: readonly TaskAction[] = ['cancel', 'delete'];

/** The states to which each action applies. */
export const STATES_OF = {
  requests: {
    retry: ['failed'],
    cancel: ['pending', 'processing'],
    delete: ['completed', 'failed', 'cancelled'],
  },
  tasks: { cancel: ['queued', 'running'], delete: ['succeeded', 'failed', 'canceled'] },
} as const;

interface Outcome {
  readonly id: string;
  readonly outcome: 'done' | 'changed' | 'gone' | 'held' | 'refused';
  readonly reason: string | null;
}

const PAST: Readonly<Record<string, string>> = {
  retry: 'it has not failed',
  cancel: 'it has ended',
  delete: 'it has not ended',
};

/** Does that to the requests of these ids, with the rights of the role, and without waiting for whoever has one locked. */
export async function actOnRequests(
  db: Queryable,
  action: RequestAction,
  requestIds: readonly string[],
): Promise<ActionOutcome> {
  return toOutcome(action, await readOutcomes(db, ACT_ON_REQUESTS, [action, requestIds]));
}

/** The same for tasks, by their jobids. */
export async function actOnTasks(db: Queryable, action: TaskAction, jobids: readonly string[]): Promise<ActionOutcome> {
  return toOutcome(action, await readOutcomes(db, ACT_ON_TASKS, [action, jobids]));
}

async function readOutcomes(db: Queryable, text: string, params: readonly unknown[]): Promise<readonly Outcome[]> {
  const { rows } = await db.query<{ rows: string }>(text, params);
  return JSON.parse(rows[0]?.rows ?? '[]') as Outcome[]; // the statement makes this JSON
}

function toOutcome(action: string, outcomes: readonly Outcome[]): ActionOutcome {
  const reasonOf = ({ outcome, reason }: Outcome): string => {
    if (outcome === 'changed') return PAST[action] ?? 'it has changed';
    if (outcome === 'gone') return 'it is not there, or not to be seen';
    if (outcome === 'held') return 'another transaction has it locked';
    return reason ?? 'the database refuses it';
  };
  return {
    done: outcomes.filter(({ outcome }) => outcome === 'done').length,
    skipped: outcomes
      .filter(({ outcome }) => outcome !== 'done')
      .map((outcome) => ({ id: outcome.id, reason: reasonOf(outcome) })),
  };
}
