import { loadQuery } from '../db/load-sql.ts';
import type { Queryable } from '../db/query.ts';
import { parseRequestId, type RequestId } from './request-id.ts';

const CANCEL_REQUEST = loadQuery('cancel_request');

/** Cancels a request; false when it has ended, does not exist or is not the role's. */
export async function cancelRequest(db: Queryable, requestId: RequestId): Promise<boolean> {
  const { rows } = await db.query<{ is_cancelled: string }>(CANCEL_REQUEST, [parseRequestId(requestId)]);
  return rows[0]?.is_cancelled === 'true';
}

const RETRY_REQUEST = loadQuery('retry_request');

/** Makes a failed request pending again; false when it had not failed, does not exist or is not the role's. */
export async function retryRequest(db: Queryable, requestId: RequestId): Promise<boolean> {
  const { rows } = await db.query<{ is_retried: string }>(RETRY_REQUEST, [parseRequestId(requestId)]);
  return rows[0]?.is_retried === 'true';
}
