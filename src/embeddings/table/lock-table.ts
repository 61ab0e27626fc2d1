import { backoffMs } from '../../core/backoff.ts';
import type { Clock } from '../../core/clock.ts';
import type { Pool } from '../../db/pool.ts';
import type { Queryable } from '../../db/query.ts';
import { isSqlState } from '../../db/sqlstate.ts';

export interface LockPatience {
  /** How long to try. */
  readonly patienceMs: number;
  readonly clock: Clock;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs DDL that locks a table of the user's: while it waits for the lock everybody else waits behind it, so each try waits 50 ms at most,
 * with pauses that grow to 30 s.
 *
 * @throws the server's error 55P03 when patience ends.
 */
export async function runWithTableLock<T>(
  db: Pool,
  { patienceMs, clock, signal }: LockPatience,
  work: (transaction: Queryable) => Promise<T>,
): Promise<T> {
  const startMs = clock.nowMs();
  for (let tries = 1; ; tries += 1) {
    try {
      return await db.withTransaction(async (transaction) => {
        await transaction.query(`select pg_catalog.set_config('lock_timeout', '50ms', true)`);
        return work(transaction);
      });
    } catch (error) {
      const pauseMs = backoffMs(tries, Math.random, { baseMs: 50, capMs: 30_000 });
      const isOver = clock.nowMs() - startMs + pauseMs > patienceMs || signal?.aborted === true;
      if (isOver || !(isSqlState(error, 'lockNotAvailable') || isSqlState(error, 'deadlockDetected'))) throw error;
      await clock.delay(pauseMs, signal);
    }
  }
}
