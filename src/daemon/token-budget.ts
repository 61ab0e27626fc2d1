import type { Clock } from '../core/clock.ts';
import type { Queryable } from '../db/query.ts';
import { claimTokens } from '../embeddings/claim-tokens.ts';

/** How often a job at its limit checks whether others, or texts that took less than they were taken for, have left room. */
const CHECK_MS = 5_000;

/** What `embedding_status` says of a job that waits for its next day. */
export const DAY_IS_OVER = 'waits until 00:00 UTC: max_tokens_per_day is used up';

export interface TokenBudgetOptions {
  readonly db: Queryable;
  readonly jobId: string;
  /** Tokens of a day in UTC. */
  readonly limit: number;
  readonly clock: Clock;
  /** The limit was reached, or there is room again. */
  readonly onChange: (isUsedUp: boolean) => Promise<void>;
}

export interface TokenGrant {
  readonly granted: number;
  /** Absent where it makes no difference. */
  readonly day?: string;
}

/**
 * The tokens that a job may use in a day, counted in the database for all daemons together, before they are used.
 */
export interface TokenBudget {
  /** How many of texts of these sizes may be asked for now, in order, and the day that they count for. */
  claim(sizes: readonly number[]): Promise<TokenGrant>;
  /** Adds to what was claimed for a day, or takes from it, where no write of vectors does. */
  settle(tokens: number, day: string): Promise<void>;
  /** False while nothing may be claimed. */
  hasRoom(): Promise<boolean>;
  readonly isUsedUp: boolean;
  /** Texts were answered, and may have left room: they are taken for larger than most of them are. */
  noteAnswer(): void;
}

export function createTokenBudget({ db, jobId, limit, clock, onChange }: TokenBudgetOptions): TokenBudget {
  /** Tokens of the text that had no room. */
  let needed: number | undefined;
  let checkMs = Number.NEGATIVE_INFINITY;
  return {
    async claim(sizes) {
      const { granted, day } = await claimTokens(db, jobId, sizes, limit);
      if (granted < sizes.length && needed === undefined) {
        needed = Math.min(limit, sizes[granted] ?? 0);
        checkMs = clock.nowMs() + CHECK_MS;
        await onChange(true);
      }
      return { granted, day };
    },
    async settle(tokens, day) {
      await claimTokens(db, jobId, [tokens], limit, day);
    },
    get isUsedUp() {
      return needed !== undefined;
    },
    async hasRoom() {
      if (needed === undefined) return true;
      if (clock.nowMs() < checkMs) return false;
      const { remaining, waitMs } = await claimTokens(db, jobId, [], limit);
      checkMs = clock.nowMs() + Math.min(CHECK_MS, Math.max(0, waitMs));
      if (remaining < needed) return false;
      needed = undefined;
      await onChange(false);
      return true;
    },
    noteAnswer() {
      checkMs = Number.NEGATIVE_INFINITY;
    },
  };
}
