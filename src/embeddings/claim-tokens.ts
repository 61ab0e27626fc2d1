import { loadQuery } from '../db/load-sql.ts';
import type { Queryable } from '../db/query.ts';

const CLAIM_TOKENS = loadQuery('claim_tokens');

export interface TokenClaim {
  /** How many of the texts have room. */
  readonly granted: number;
  /** Tokens of the day that are left. */
  readonly remaining: number;
  /** Time until the next day in UTC. */
  readonly waitMs: number;
}

/**
 * Counts tokens of texts as used today, in order, as many texts as have room within the limit of the day; the first one of a day has always.
 * What they took in truth is settled by `writeVectors`, whose usage holds the difference.
 */
export async function claimTokens(
  db: Queryable,
  jobId: string,
  sizes: readonly number[],
  limit: number,
): Promise<TokenClaim> {
  const { rows } = await db.query<{ granted: number; remaining: string; wait_ms: number }>(CLAIM_TOKENS, [
    jobId,
    [...sizes],
    limit,
  ]);
  const { granted = 0, remaining = '0', wait_ms: waitMs = 0 } = rows[0] ?? {};
  return { granted, remaining: Number(remaining), waitMs };
}
