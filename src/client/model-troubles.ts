import { loadQuery } from '../db/load-sql.ts';
import type { Queryable } from '../db/query.ts';
import { toDate } from './row-text.ts';

const LIST_TROUBLES = loadQuery('list_troubles');

/** A model that a running worker cannot use. */
export interface ModelTroubleStatus {
  readonly hostname: string;
  readonly model: string;
  /** The error in the words of the model or its provider. */
  readonly error: string;
  readonly since: Date;
  /** Requests that it has put off. */
  readonly waiting: number;
}

/** Models that running workers cannot use, longest first. For the owner of the schema: an error may quote a request. */
export async function listModelTroubles(db: Queryable): Promise<ModelTroubleStatus[]> {
  const { rows } = await db.query<{
    hostname: string;
    model: string;
    error: string;
    since_s: string;
    waiting: string;
  }>(LIST_TROUBLES);
  return rows.map(({ hostname, model, error, since_s, waiting }) => ({
    hostname,
    model,
    error,
    since: toDate(since_s),
    waiting: Number(waiting),
  }));
}
