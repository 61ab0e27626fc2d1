import { loadQuery } from '../db/load-sql.ts';
import type { Queryable } from '../db/query.ts';
import type { Operation } from './shapes.ts';

const LIST_OPERATIONS = loadQuery('list_operations');

/** Operations that the role sees, newest first: at most `limit`, or the one of that number. */
export async function listOperations(
  db: Queryable,
  { id, limit = 100 }: { readonly id?: string; readonly limit?: number } = {},
): Promise<readonly Operation[]> {
  const { rows } = await db.query<{ rows: string }>(LIST_OPERATIONS, [id ?? null, limit]);
  return JSON.parse(rows[0]?.rows ?? '[]') as Operation[]; // the statement makes this JSON
}
