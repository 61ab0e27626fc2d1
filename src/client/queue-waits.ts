import type { RequestFunction } from '../core/request-functions.ts';
import { loadQuery } from '../db/load-sql.ts';
import type { Queryable } from '../db/query.ts';

const LIST_WAITS = loadQuery('list_waits');

/**
 * What pending requests wait for: `ready` their turn; `retry` the end of a pause after a failure; `model unavailable` a model or provider
 * that fails for every worker; `not served` a worker for them; `paused` the function to be resumed; `quarantined` to be run apart,
 * because workers died with them.
 */
export type WaitReason = 'ready' | 'retry' | 'model unavailable' | 'not served' | 'paused' | 'quarantined';

/** Pending requests of one function and model that wait for the same: the role's own, for the owner of the schema everybody's. */
export interface QueueWait {
  readonly functionName: RequestFunction;
  readonly model: string;
  readonly reason: WaitReason;
  readonly requests: number;
  /** False where more wait than were counted. */
  readonly isExact: boolean;
  /** What one of them failed with last; absent when none has failed. */
  readonly error?: string;
}

interface Row {
  readonly function_name: RequestFunction;
  readonly model: string;
  readonly reason: WaitReason;
  readonly requests: string;
  readonly is_exact: boolean;
  readonly error: string | null;
}

/** Why pending requests are pending, in order of function and model. */
export async function listWaits(db: Queryable): Promise<QueueWait[]> {
  const { rows } = await db.query<Row>(LIST_WAITS);
  return rows.map(({ function_name: functionName, model, reason, requests, is_exact: isExact, error }) => ({
    functionName,
    model,
    reason,
    requests: Number(requests),
    isExact,
    ...(error === null ? {} : { error }),
  }));
}
