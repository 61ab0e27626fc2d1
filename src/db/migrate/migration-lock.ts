import type { Queryable } from '../query.ts';
import { isSqlState } from '../sqlstate.ts';

/** Who holds the lock of migrations: a migration, or whoever else has taken it. */
export interface LockHolder {
  readonly pid: number;
  readonly username: string;
}

/** Key of the advisory lock that one migration at a time holds. */
const KEY = "pg_catalog.hashtextextended('lamplighter migrate', 0)";
/** How long it is waited for in silence. */
const SILENT_MS = 2_000;

/**
 * Takes the lock of migrations for the session, however long that takes. Time limits of the session have to be lifted; `lock_timeout` is
 * changed.
 *
 * @param onWait called once when it takes longer than two seconds; without a holder where it has just been given back.
 */
export async function takeMigrationLock(session: Queryable, onWait: (holder?: LockHolder) => void): Promise<void> {
  try {
    // Where the lock is not to be had, the setting is taken back with the statement.
    await session.query(
      `select pg_catalog.set_config('lock_timeout', '${SILENT_MS}', false), pg_catalog.pg_advisory_lock(${KEY})`,
    );
    return;
  } catch (error) {
    if (!isSqlState(error, 'lockNotAvailable')) throw error;
  }
  const { rows } = await session.query<LockHolder>(
    `select a.pid, a.usename as username
     from pg_catalog.pg_locks as l
     join pg_catalog.pg_stat_activity as a on a.pid = l.pid and a.datid = l.database
     where l.locktype = 'advisory' and l.granted and l.objsubid = 1
       and (l.classid::bigint << 32) | l.objid::bigint = ${KEY}
       and a.datname = pg_catalog.current_database()`,
  );
  onWait(rows[0]);
  await session.query(`select pg_catalog.pg_advisory_lock(${KEY})`);
}

/** Gives it back; a session that broke has lost its locks with it. */
export async function giveMigrationLock(session: Queryable): Promise<void> {
  await session.query(`select pg_catalog.pg_advisory_unlock(${KEY})`).catch(() => undefined);
}
