import type { Clock } from '../../core/clock.ts';
import type { Pool } from '../../db/pool.ts';
import type { Queryable } from '../../db/query.ts';
import { runWithTableLock } from '../table/lock-table.ts';
import type { IndexStep } from './find-index-work.ts';

/** How long to wait for a moment in which a partitioned table is not in use. */
const ATTACH_PATIENCE_MS = 60_000;

/**
 * Makes a session fit for building: no time limit ends it, as an index that is built concurrently and breaks off stays behind, invalid and
 * written to; names are looked up nowhere. False when another session builds for the job: the lock is the session's, and outlives the
 * process that opened it for as long as the server is at work.
 */
export async function beginIndexWork(session: Queryable, jobId: string): Promise<boolean> {
  await session.query(
    `select pg_catalog.set_config(s.name, case s.name when 'search_path' then 'pg_catalog, pg_temp' else '0' end, false)
     from pg_catalog.pg_settings as s
     where s.name in ('search_path', 'lock_timeout', 'statement_timeout', 'transaction_timeout', 'idle_session_timeout',
       'idle_in_transaction_session_timeout', 'client_connection_check_interval')`,
  );
  const { rows } = await session.query<{ is_locked: boolean }>(
    `select pg_catalog.pg_try_advisory_lock(pg_catalog.hashtextextended('lamplighter.index ' operator(pg_catalog.||) $1::pg_catalog.text, 0)) as is_locked`,
    [jobId],
  );
  return rows[0]?.is_locked ?? false;
}

/**
 * Does what `findIndexWork` has found, one statement after the other.
 *
 * @throws the server's errors: what was begun may have left an invalid index behind, which the next look finds.
 */
export async function buildIndex(
  session: Queryable,
  db: Pool,
  steps: readonly IndexStep[],
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<void> {
  for (const { kind, statement } of steps) {
    signal.throwIfAborted();
    if (kind !== 'attach') await session.query(statement);
    else {
      await runWithTableLock(db, { patienceMs: ATTACH_PATIENCE_MS, clock, signal }, (transaction) =>
        transaction.query(statement),
      );
    }
  }
}
