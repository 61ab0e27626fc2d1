import { loadQuery } from '../db/load-sql.ts';
import type { Queryable } from '../db/query.ts';

const WAS_STANDBY = loadQuery('was_standby');

/** True when the server may be a standby that was promoted, at a time that nobody knows; also after a crash. */
export async function wasStandby(db: Queryable): Promise<boolean> {
  return (await db.query<{ was_standby: boolean }>(WAS_STANDBY)).rows[0]?.was_standby === true;
}
