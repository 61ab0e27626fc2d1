import { loadQuery } from '../db/load-sql.ts';
import type { Queryable } from '../db/query.ts';

const LIST_OPERATIONS = loadQuery('list_operations');

/** What is being done, or was done, to all requests or tasks that match a filter. */
export interface Operation {
  readonly id: string;
  readonly kind: 'requests' | 'tasks';
  readonly action: string;
  readonly filter: Readonly<Record<string, string>>;
  readonly state: 'running' | 'done' | 'stopped' | 'failed';
  readonly expectedCount: number;
  /** Found so far; all when `isCollected`. */
  readonly matched: number;
  readonly isCollected: boolean;
  readonly isStopRequested: boolean;
  readonly done: number;
  readonly skipped: number;
  readonly skippedFor: {
    readonly changed: number;
    readonly gone: number;
    readonly held: number;
    readonly refused: number;
  };
  readonly startedBy: string;
  readonly role: string;
  readonly startedAt: string;
  readonly finishedAt?: string;
  readonly error?: string;
}

/** Operations that the role sees, newest first: at most `limit`, or the one of that number. */
export async function listOperations(
  db: Queryable,
  { id, limit = 100 }: { readonly id?: string; readonly limit?: number } = {},
): Promise<readonly Operation[]> {
  const { rows } = await db.query<{ rows: string }>(LIST_OPERATIONS, [id ?? null, limit]);
  return JSON.parse(rows[0]?.rows ?? '[]') as Operation[]; // the statement makes this JSON
}
