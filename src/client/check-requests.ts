import { LamplighterError } from '../core/errors.ts';
import type { RequestFunction } from '../core/request-functions.ts';
import { showValue } from '../core/show-value.ts';
import { loadQuery } from '../db/load-sql.ts';
import type { Queryable } from '../db/query.ts';
import { parseRequestId, type RequestId } from './request-id.ts';
import { parseResult } from './request-result.ts';
import { toDate, toOptionalDate } from './row-text.ts';

const CHECK_REQUESTS = loadQuery('check_requests');

/** The state of a request; the last three are final, but a failed one can be retried. */
export type RequestStatus = 'pending' | 'processing' | 'completed' | 'failed' | 'cancelled';

/** A request as its row is at the moment. */
export interface CheckedRequest<Result = unknown> {
  readonly requestId: RequestId<Result>;
  readonly functionName: RequestFunction;
  /** The model asked for; `default` is the worker's own choice. */
  readonly model: string;
  readonly status: RequestStatus;
  /** Present when completed; see `wait` for its type. */
  readonly result?: Result;
  /** The last error, also of a request that waits for a retry. */
  readonly error?: string;
  readonly priority: number;
  /** Failures charged so far. */
  readonly retryCount: number;
  readonly createdAt: Date;
  /** When the last attempt began; absent before the first one. */
  readonly startedAt?: Date;
  /** When it ended, in whatever way. */
  readonly completedAt?: Date;
  /** When it failed for good. */
  readonly failedAt?: Date;
}

interface Row {
  readonly request_id: string;
  readonly function_name: RequestFunction;
  readonly model: string;
  readonly status: RequestStatus;
  readonly result: string | null;
  readonly error: string | null;
  readonly priority: string;
  readonly retry_count: string;
  readonly created_s: string;
  readonly started_s: string | null;
  readonly completed_s: string | null;
  readonly failed_s: string | null;
}

/**
 * The requests in the order asked; undefined for those that do not exist or that the role does not see.
 *
 * @throws LamplighterError REQUEST_NOT_FOUND for an id that is no UUID, REQUEST_FAILED for a result that somebody has spoilt.
 */
export async function checkRequests<Result>(
  db: Queryable,
  requestIds: readonly RequestId<Result>[],
): Promise<(CheckedRequest<Result> | undefined)[]> {
  if (!Array.isArray(requestIds)) {
    throw new LamplighterError('REQUEST_NOT_FOUND', `expected a list of request ids, got ${showValue(requestIds)}`);
  }
  // Not map, which leaves out what is missing.
  const ids = Array.from<string, string>(requestIds, parseRequestId);
  const { rows } = await db.query<Row>(CHECK_REQUESTS, [ids]);
  const byId = new Map(rows.map((row) => [row.request_id, row]));
  return ids.map((id) => {
    const row = byId.get(id);
    return row === undefined ? undefined : toCheckedRequest<Result>(row);
  });
}

function toCheckedRequest<Result>(row: Row): CheckedRequest<Result> {
  return {
    requestId: row.request_id,
    functionName: row.function_name,
    model: row.model,
    status: row.status,
    // What the id says of its result is the caller's claim.
    ...(row.status === 'completed' && { result: parseResult(row.function_name, row.result) as Result }),
    ...(row.error !== null && { error: row.error }),
    priority: Number(row.priority),
    retryCount: Number(row.retry_count),
    createdAt: toDate(row.created_s),
    ...toOptionalDate('startedAt', row.started_s),
    ...toOptionalDate('completedAt', row.completed_s),
    ...toOptionalDate('failedAt', row.failed_s),
  };
}
