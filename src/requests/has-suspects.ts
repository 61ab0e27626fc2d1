import { loadQuery } from '../db/load-sql.ts';
import type { Queryable } from '../db/query.ts';

const HAS_SUSPECTS = loadQuery('has_suspects');

/** True while requests wait to be run apart, whatever their lane. */
export async function hasSuspects(db: Queryable): Promise<boolean> {
  return (await db.query<{ has_suspects: boolean }>(HAS_SUSPECTS)).rows[0]?.has_suspects === true;
}
