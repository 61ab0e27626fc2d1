import { loadQuery } from '../db/load-sql.ts';
import type { Queryable } from '../db/query.ts';
import { parseRequestId, type RequestId } from './request-id.ts';

const CANCEL_REQUEST = loadQuery('cancel_request');

/** Cancels a request; false when it has ended, does not exist or is not the role's. */
export async function cancelRequest(db: Queryable, requestId: RequestId): Promise<boolean> {
  const { rows } = await db.query<{ is_cancelled: string }>(CANCEL_REQUEST, [parseRequestId(requestId)]);
  return rows[0]?.is_cancelled === 'true';
}
