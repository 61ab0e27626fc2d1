import { loadQuery } from '../db/load-sql.ts';
import type { Queryable } from '../db/query.ts';
import type { EmbeddingBatch } from './embedding-batch.ts';

const RELEASE_BATCH = loadQuery('release_batch');
const RESCUE_BATCHES = loadQuery('rescue_batches');

/** Gives a batch back uncharged, to be claimed again after `delayMs`; without effect when it is no longer the holder's. */
export async function releaseBatch(
  db: Queryable,
  { id, holderId }: Pick<EmbeddingBatch, 'id' | 'holderId'>,
  { delayMs = 0 }: { readonly delayMs?: number } = {},
): Promise<void> {
  await db.query(RELEASE_BATCH, [id, holderId, delayMs]);
}

/** Takes batches back from processes that are not alive; how many. */
export async function rescueBatches(db: Queryable): Promise<number> {
  const { rows } = await db.query<{ rescued: number }>(RESCUE_BATCHES);
  return rows[0]?.rescued ?? 0;
}
