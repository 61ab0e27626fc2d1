import type { Queryable } from './query.ts';
import type { Session } from './session.ts';

/**
 * Runs `work` in a read-write READ COMMITTED transaction and commits; any error rolls back and is thrown on. When the connection breaks
 * during the commit, whether it took effect is not known: CONNECTION_LOST. The server ends one that is idle for five seconds, as the process may
 * be frozen, or lost by the network, while it has rows of the user's locked.
 */
export async function runInTransaction<T>(session: Session, work: (transaction: Queryable) => Promise<T>): Promise<T> {
  // Explicit, as a role's defaults may say otherwise; on a standby this is where it fails, with 25006.
  await session.query(
    "begin isolation level read committed read write; set local idle_in_transaction_session_timeout = '5s'",
  );
  try {
    const result = await work(session);
    // COMMIT would roll back here without an error.
    if (session.transaction === 'failed')
      throw new Error('a statement of the transaction failed, and its error was dropped');
    await session.query('commit');
    return result;
  } catch (error) {
    // A rollback that fails leaves the session unusable, which its owner sees; the first error is the one to tell.
    if (session.isOpen) await session.query('rollback').catch(() => undefined);
    throw error;
  }
}
