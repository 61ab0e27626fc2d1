import { loadQuery } from '../../db/load-sql.ts';
import type { Queryable } from '../../db/query.ts';
import type { RequestFilter, RequestRecord, RequestRow, RequestStatus } from '../shapes.ts';
import { readJsonRows } from './json-rows.ts';
import { SCAN_ROWS, type Scan, type ScannedPage, scanPage } from './scan-page.ts';

const SCAN_REQUESTS = loadQuery('scan_requests');
const LIST_REQUESTS = loadQuery('list_requests');
const READ_REQUEST = loadQuery('read_request');

export const REQUEST_STATUSES = [
  'pending',
  'processing',
  'completed',
  'failed',
  'cancelled',
] as const satisfies readonly RequestStatus[];

/** Finds requests that match, newest first; with `statuses` only those that are one of them. */
export function createRequestScan(db: Queryable, filter: RequestFilter, statuses?: readonly RequestStatus[]): Scan {
  return async (before, limit) => {
    const params = [JSON.stringify(filter), statuses ?? null, before, SCAN_ROWS, limit];
    const { rows } = await db.query<{ ids: string; next_before: string | null }>(SCAN_REQUESTS, params);
    const [found] = rows;
    // The statement makes this JSON.
    return { ids: JSON.parse(found?.ids ?? '[]') as string[], nextBefore: found?.next_before ?? undefined };
  };
}

/** A page of requests that match, newest first. */
export async function listRequests(
  db: Queryable,
  filter: RequestFilter,
  page: { readonly cursor: string | undefined; readonly limit: number },
): Promise<Omit<ScannedPage, 'ids'> & { readonly rows: readonly RequestRow[] }> {
  const { ids, ...rest } = await scanPage(createRequestScan(db, filter), page);
  return { rows: await readRequests(db, ids), ...rest };
}

/** The requests of these ids that the role sees, newest first. */
export async function readRequests(db: Queryable, ids: readonly string[]): Promise<readonly RequestRow[]> {
  return ids.length === 0 ? [] : readJsonRows<RequestRow>(db, LIST_REQUESTS, [ids]);
}

/**
 * All of a request; undefined where there is none that the role sees.
 *
 * @param maxLength Of parameters and result each, in characters; undefined for neither.
 */
export async function readRequest(
  db: Queryable,
  requestId: string,
  maxLength: number | undefined,
): Promise<RequestRecord | undefined> {
  const params = [requestId, maxLength !== undefined, maxLength ?? 0];
  const { rows } = await db.query<{ row: string; waits_for: string | null }>(READ_REQUEST, params);
  const [row] = rows;
  if (row === undefined) return undefined;
  const record = JSON.parse(row.row) as RequestRecord; // the statement makes this JSON
  return row.waits_for === null ? record : { ...record, waitsFor: row.waits_for };
}
