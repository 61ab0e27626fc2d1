import type { Clock } from '../core/clock.ts';
import type { Queryable } from '../db/query.ts';
import type { TokenBudget } from './token-budget.ts';

const MS_TO_NEXT_DAY = `select (extract(epoch from
  (date_trunc('day', clock_timestamp() at time zone 'UTC') + interval '1 day') at time zone 'UTC' - clock_timestamp()) * 1000)::float8 as ms`;

/** The tokens that one pass may use in a day in UTC, by the clock of its database; those of other passes and jobs are not counted. */
export interface PassBudget extends Pick<TokenBudget, 'claim'> {
  /** Adds to what was claimed, or takes from it. */
  settle(tokens: number): void;
  /** Tokens used on all days. */
  readonly used: number;
  /** Time until the next day. */
  waitMs(): number;
}

/** @throws the server's errors. */
export async function createPassBudget({
  db,
  limit,
  clock,
}: {
  readonly db: Queryable;
  readonly limit: number;
  readonly clock: Clock;
}): Promise<PassBudget> {
  const nextDay = async () => clock.nowMs() + ((await db.query<{ ms: number }>(MS_TO_NEXT_DAY)).rows[0]?.ms ?? 0);
  let endMs = await nextDay();
  let used = 0;
  let ofToday = 0;
  return {
    async claim(sizes) {
      if (clock.nowMs() >= endMs) {
        endMs = await nextDay();
        ofToday = 0;
      }
      let granted = 0;
      for (const size of sizes) {
        // The first text of a day has always room.
        if (ofToday + size > limit && (ofToday > 0 || granted > 0)) break;
        granted += 1;
        ofToday += size;
        used += size;
      }
      return { granted };
    },
    settle(tokens) {
      ofToday += tokens;
      used += tokens;
    },
    get used() {
      return used;
    },
    // A timer may end a moment early.
    waitMs: () => Math.max(0, endMs - clock.nowMs()) + 1,
  };
}
