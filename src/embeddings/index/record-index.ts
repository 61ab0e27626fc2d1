import { loadQuery } from '../../db/load-sql.ts';
import type { Queryable } from '../../db/query.ts';

const RECORD_EMBEDDING_INDEX = loadQuery('record_embedding_index');

/** The state of a job's index, for people. */
export interface IndexState {
  readonly state: 'waiting' | 'building' | 'built' | 'failed';
  readonly name?: string | undefined;
  readonly percent?: number | undefined;
  readonly reason?: string | undefined;
}

/** Notes the state of the index for `lamplighter.embedding_status`; undefined: the job asks for none. */
export async function recordIndex(db: Queryable, jobId: string, index: IndexState | undefined): Promise<void> {
  const { state, name, percent, reason } = index ?? {};
  await db.query(RECORD_EMBEDDING_INDEX, [jobId, state ?? null, name ?? null, percent ?? null, reason ?? null]);
}
