import { parseRequestFilter, parseTaskFilter } from '../../monitoring/lists/list-filters.ts';
import { REQUEST_ACTIONS, TASK_ACTIONS } from '../../operations/actions.ts';
import type { OperationOrder, Rights } from '../api.ts';
import { Refusal } from '../refusal.ts';

export const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const MAX_IDS = 1_000;

/** What an action needs: what is deleted is gone. */
export function rightFor(action: string): keyof Rights {
  return action === 'delete' ? 'admin' : 'operate';
}

/** The action that a body names. @throws Refusal INVALID */
export function readAction<Action extends string>(body: unknown, known: readonly Action[]): Action {
  const given = objectOf(body)['action'];
  const action = known.find((each) => each === given);
  if (action === undefined) throw new Refusal('INVALID', `action: expected one of ${known.join(', ')}`);
  return action;
}

export function hasIds(body: unknown): boolean {
  return objectOf(body)['ids'] !== undefined;
}

/** The ids that a body names, each once. @throws Refusal INVALID */
export function readIds(body: unknown, isId: (text: string) => boolean): readonly string[] {
  const given = objectOf(body)['ids'];
  if (!Array.isArray(given) || given.length === 0 || given.length > MAX_IDS) {
    throw new Refusal('INVALID', `ids: expected from 1 to ${MAX_IDS}`);
  }
  const ids = given.filter((id): id is string => typeof id === 'string' && isId(id));
  if (ids.length !== given.length) throw new Refusal('INVALID', 'ids: not all of them are ids');
  return [...new Set(ids)];
}

/** What is to be done to all that match. @throws Refusal INVALID; LamplighterError USAGE for the filter */
export function parseOrder(body: unknown): OperationOrder {
  const { kind, filter = {} } = objectOf(body);
  if (kind === 'requests') {
    return { kind, action: readAction(body, REQUEST_ACTIONS), filter: parseRequestFilter(objectOf(filter)) };
  }
  if (kind === 'tasks')
    return { kind, action: readAction(body, TASK_ACTIONS), filter: parseTaskFilter(objectOf(filter)) };
  throw new Refusal('INVALID', 'kind: expected requests or tasks');
}

/** What comes with the order that is given. @throws Refusal INVALID */
export function parseStart(body: unknown): { readonly expectedCount: number; readonly confirm: string | undefined } {
  const { expectedCount, confirm } = objectOf(body);
  if (typeof expectedCount !== 'number' || !Number.isSafeInteger(expectedCount) || expectedCount < 0) {
    throw new Refusal('INVALID', 'expectedCount: expected what the preview said');
  }
  return { expectedCount, confirm: typeof confirm === 'string' ? confirm : undefined };
}

/** What is to be typed where no filter says which. */
export function confirmWordsOf({ kind, action, filter }: OperationOrder): string | undefined {
  return Object.keys(filter).length === 0 ? `${action} all ${kind}` : undefined;
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  throw new Refusal('INVALID', 'expected a JSON object');
}
