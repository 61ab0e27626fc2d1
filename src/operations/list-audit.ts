import { loadQuery } from '../db/load-sql.ts';
import type { Queryable } from '../db/query.ts';
import type { AuditRow } from './shapes.ts';

const LIST_AUDIT = loadQuery('list_audit');

/** What was done, as far as the role sees it, newest first: below the number `before`. */
export async function listAudit(
  db: Queryable,
  { before = '9223372036854775807', limit }: { readonly before?: string | undefined; readonly limit: number },
): Promise<readonly AuditRow[]> {
  const { rows } = await db.query<{ rows: string }>(LIST_AUDIT, [before, limit]);
  return JSON.parse(rows[0]?.rows ?? '[]') as AuditRow[]; // the statement makes this JSON
}
