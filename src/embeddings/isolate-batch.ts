import { loadQuery } from '../db/load-sql.ts';
import type { Queryable } from '../db/query.ts';
import type { EmbeddingBatch } from './embedding-batch.ts';

const ISOLATE_BATCH = loadQuery('isolate_batch');

/**
 * Notes that the process has given nothing to any model but this batch of one row, so that its death is held against this row alone, or that
 * this is not so any more; without effect on a batch of several.
 */
export async function isolateBatch(
  db: Queryable,
  { id, holderId }: Pick<EmbeddingBatch, 'id' | 'holderId'>,
  isIsolated: boolean,
): Promise<void> {
  await db.query(ISOLATE_BATCH, [id, holderId, isIsolated]);
}
