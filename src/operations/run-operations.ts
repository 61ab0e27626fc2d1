import { loadQuery } from '../db/load-sql.ts';
import type { Queryable } from '../db/query.ts';
import type { Actor } from './record-audit.ts';
import type { Operation } from './shapes.ts';

const ENQUEUE_OPERATION = loadQuery('enqueue_operation');
const STOP_OPERATION = loadQuery('stop_operation');
const STEP_OPERATIONS = loadQuery('step_operations');

/** Begins to do `action` to all that match; whoever runs operations works it off. Returns its number. */
export async function enqueueOperation(
  db: Queryable,
  { user, source }: Actor,
  order: Pick<Operation, 'kind' | 'action' | 'expectedCount'> & { readonly filter: object },
): Promise<string> {
  const { kind, action, filter, expectedCount } = order;
  const params = [kind, action, JSON.stringify(filter), expectedCount, user ?? null, source];
  const { rows } = await db.query<{ operation_id: string }>(ENQUEUE_OPERATION, params);
  return rows[0]?.operation_id ?? '';
}

/** Asks for an operation to stop before its next step; false when it has ended, or the role does not see it. */
export async function stopOperation(db: Queryable, { user, source }: Actor, id: string): Promise<boolean> {
  const { rows } = await db.query<{ is_asked: string }>(STOP_OPERATION, [id, user ?? null, source]);
  return rows[0]?.is_asked === 'true';
}

/**
 * Works off operations, a step a transaction, until none has anything to be done at once or `signal` aborts. Any number of processes may do
 * so at the same time; what one has begun and not committed as it dies, another one does.
 */
export async function runOperations(db: Queryable, signal: AbortSignal): Promise<void> {
  let hasMore = true;
  while (hasMore && !signal.aborted) {
    const { rows } = await db.query<{ has_more: string }>(STEP_OPERATIONS);
    hasMore = rows[0]?.has_more === 'true';
  }
}
