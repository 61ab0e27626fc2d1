import type { RequestAction, RequestRow, TaskAction, TaskRow } from '../../../src/dashboard/api.ts';
import type { IconName } from '../parts/icon.tsx';

export type Action = RequestAction | TaskAction;
export type Kind = 'requests' | 'tasks';

interface ActionWords {
  readonly verb: string;
  readonly past: string;
  readonly icon: IconName;
  readonly key: string;
  readonly right: 'operate' | 'admin';
  /** What it means for the rows. */
  readonly meaning: string;
}

/** How each action is called, what presses it, and which right it needs. */
export const ACTIONS: Readonly<Record<Action, ActionWords>> = {
  retry: {
    verb: 'Retry',
    past: 'retried',
    icon: 'retry',
    key: 'r',
    right: 'operate',
    meaning: 'They are queued again, with as many attempts as new ones.',
  },
  cancel: {
    verb: 'Cancel',
    past: 'cancelled',
    icon: 'cancel',
    key: 'c',
    right: 'operate',
    meaning: 'What waits does not start; what runs is stopped.',
  },
  delete: {
    verb: 'Delete',
    past: 'deleted',
    icon: 'delete',
    key: 'd',
    right: 'admin',
    meaning: 'Rows and results are removed. This cannot be undone.',
  },
};

export const KIND_ACTIONS: Readonly<Record<Kind, readonly Action[]>> = {
  requests: ['retry', 'cancel', 'delete'],
  tasks: ['cancel', 'delete'],
};

const POSSIBLE: Readonly<Record<Action, readonly string[]>> = {
  retry: ['failed'],
  cancel: ['pending', 'processing', 'queued', 'running'],
  delete: ['completed', 'failed', 'cancelled', 'succeeded', 'canceled'],
};

/** Whether an action does anything to a row in this state. */
export function isPossible(action: Action, row: RequestRow | TaskRow): boolean {
  return POSSIBLE[action].includes('status' in row ? row.status : row.state);
}
