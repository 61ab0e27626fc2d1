import { loadQuery } from '../db/load-sql.ts';
import type { Queryable } from '../db/query.ts';
import type { AuditRow } from './shapes.ts';

const RECORD_AUDIT = loadQuery('record_audit');

/** Who does something, beside the role of the database. */
export interface Actor {
  /** The user of the dashboard, where it knows users. */
  readonly user?: string | undefined;
  readonly source: AuditRow['source'];
}

/** Writes down what was done, in the transaction that does it. */
export async function recordAudit(
  db: Queryable,
  { user, source }: Actor,
  { action, kind, filter, count }: Pick<AuditRow, 'action' | 'kind' | 'filter' | 'count'>,
): Promise<void> {
  await db.query(RECORD_AUDIT, [user ?? null, source, action, kind, JSON.stringify(filter), count]);
}
