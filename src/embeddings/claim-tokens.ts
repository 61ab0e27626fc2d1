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
  /** The one that they count for, in UTC. */
  readonly day: string;
}

/**
 * Counts tokens of texts as used today, in order, as many texts as have room within the limit of the day; the first one of a day has always.
 * What they took in truth is settled by `writeVectors`, whose usage holds the difference and the day.
 *
 * @param day that is settled. @default today
 */
export async function claimTokens(
  db: Queryable,
  jobId: string,
  sizes: readonly number[],
  limit: number,
  day?: string,
): Promise<TokenClaim> {
  const { rows } = await db.query<{ granted: number; remaining: string; wait_ms: number; day: string }>(CLAIM_TOKENS, [
    jobId,
    [...sizes],
    limit,
    day ?? null,
  ]);
  const [row] = rows;
  if (row === undefined) throw new Error('claim_tokens returned no row');
  return { granted: row.granted, remaining: Number(row.remaining), waitMs: row.wait_ms, day: row.day };
}
