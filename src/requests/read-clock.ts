import { loadQuery } from '../db/load-sql.ts';
import type { Queryable } from '../db/query.ts';

const READ_CLOCK = loadQuery('read_clock');

/** The clock of the server, in milliseconds since 1970. */
export async function readClock(db: Queryable): Promise<number> {
  const [row] = (await db.query<{ now_ms: number }>(READ_CLOCK)).rows;
  if (row === undefined) throw new Error('read_clock returned no row');
  return row.now_ms;
}
