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

const CLAIM_QUARANTINED = loadQuery('claim_quarantined');

export interface QuarantineLane extends Lane {
  /** Most requests at once. */
  readonly most: number;
}

/**
 * Takes requests of one lane that are in quarantine: several only if two workers each have died with them; none when there are none. The
 * worker must run nothing else of that lane, and nothing else in quarantine, until it has finished them: that is how the request that
 * kills workers is told from its neighbours.
 *
 * @throws the server's error LL001 when the worker's lease is lost.
 */
export async function claimQuarantined(
  db: Queryable,
  { workerId, claimNumber }: ClaimName,
  lanes: readonly QuarantineLane[],
): Promise<ClaimedRequest[]> {
  const { rows } = await db.query<ClaimedRow & { function_name: RequestFunction; model: string }>(CLAIM_QUARANTINED, [
    workerId,
    claimNumber,
    lanes.map(({ functionName }) => functionName),
    lanes.map(({ model }) => model),
    lanes.map(({ most }) => most),
  ]);
  return rows.map((row) => toClaimedRequest(row, { functionName: row.function_name, model: row.model }));
}
