import type { RequestFunction } from '../core/request-functions.ts';
import { loadQuery } from '../db/load-sql.ts';
import type { Queryable } from '../db/query.ts';
import {
  type ClaimedRequest,
  type ClaimedRow,
  type ClaimName,
  type Lane,
  toClaimedRequest,
} from './claimed-request.ts';

const CLAIM_SUSPECT = loadQuery('claim_suspect');

/**
 * Takes one request that an earlier worker died with; undefined when there is none. The worker must run nothing else until it has
 * finished it: that is how the request that kills workers is told from its neighbours.
 *
 * @throws the server's error LL001 when the worker's lease is lost.
 */
export async function claimSuspect(
  db: Queryable,
  { workerId, claimNumber }: ClaimName,
  lanes: readonly Lane[],
): Promise<ClaimedRequest | undefined> {
  const { rows } = await db.query<ClaimedRow & { function_name: RequestFunction; model: string }>(CLAIM_SUSPECT, [
    workerId,
    claimNumber,
    lanes.map(({ functionName }) => functionName),
    lanes.map(({ model }) => model),
  ]);
  const [row] = rows;
  return row === undefined ? undefined : toClaimedRequest(row, { functionName: row.function_name, model: row.model });
}
