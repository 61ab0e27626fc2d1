import { LamplighterError } from '../core/errors.ts';
import type { Pool } from '../db/pool.ts';
import type { Queryable } from '../db/query.ts';
import { sqlStateOf } from '../db/sqlstate.ts';

/**
 * Settings that may not be the session's: rows hidden by policies are an error, keys look the same everywhere, and no lock is waited for
 * until a deadlock is looked for (1 s), so that a deadlock with a user's transaction never ends the user's. Rows are found by place: a plan
 * that reads a whole table instead is never right for them.
 */
const SETTINGS = {
  search_path: 'pg_catalog, pg_temp',
  row_security: 'off',
  lock_timeout: '200ms',
  datestyle: 'ISO, YMD',
  intervalstyle: 'postgres',
  extra_float_digits: '3',
  timezone: 'UTC',
  bytea_output: 'hex',
  lc_monetary: 'C',
  jit: 'off',
};

const PIN = `select pg_catalog.current_setting('search_path') as search_path, ${Object.entries(SETTINGS)
  .map(([name, value]) => `pg_catalog.set_config('${name}', '${value}', true)`)
  .join(', ')}`;

/**
 * Runs `work` in a READ COMMITTED transaction with pinned settings; it is told the login's own search_path.
 *
 * @throws LamplighterError JOB_CHANGED when the job's generation has moved, LEASE_LOST when the holder's lease or batch is gone.
 */
export async function runPinned<T>(
  db: Pool,
  work: (transaction: Queryable, searchPath: string) => Promise<T>,
): Promise<T> {
  try {
    return await db.withTransaction(async (transaction) => {
      const { rows } = await transaction.query<{ search_path: string }>(PIN);
      return work(transaction, rows[0]?.search_path ?? '');
    });
  } catch (error) {
    throw asFenceError(error);
  }
}

/** The errors that the fences raise, as codes. */
export function asFenceError(error: unknown): unknown {
  const state = sqlStateOf(error);
  const code = state === 'LL001' ? 'LEASE_LOST' : state === 'LL002' ? 'JOB_CHANGED' : undefined;
  return code === undefined || !(error instanceof Error)
    ? error
    : new LamplighterError(code, error.message, { cause: error });
}
