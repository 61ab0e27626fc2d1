import { loadQuery } from '../db/load-sql.ts';
import type { Queryable } from '../db/query.ts';

const MEASURE_QUEUE = loadQuery('measure_queue');

/** Refreshes the count behind `max_queue_size` when it has come near the limit; costs one look otherwise. */
export async function measureQueue(db: Queryable): Promise<void> {
  await db.query(MEASURE_QUEUE);
}
