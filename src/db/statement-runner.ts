import type { Session } from './session.ts';
import { isSqlState } from './sqlstate.ts';
import { runInTransaction } from './transaction.ts';

export type StatementRunner = <Row extends object>(
  session: Session,
  text: string,
  params?: readonly unknown[],
) => Promise<{ readonly rows: Row[] }>;

/**
 * Runs single statements read-write and READ COMMITTED, also for a role with other defaults, which cannot be changed without session
 * state. Nothing is spent on it until a statement fails for their sake: it has done nothing then, and is run again in a transaction
 * that says what it wants, like every later one of this runner. `default_transaction_read_only` of a database or a server is heeded:
 * hosts set it when the disk is almost full.
 */
export function createStatementRunner(): StatementRunner {
  let isExplicit = false;
  return async <Row extends object>(session: Session, text: string, params?: readonly unknown[]) => {
    if (!isExplicit) {
      try {
        return await session.query<Row>(text, params);
      } catch (error) {
        const mayBeOfDefaults =
          isSqlState(error, 'readOnlySqlTransaction') || isSqlState(error, 'serializationFailure');
        if (!mayBeOfDefaults || session.transaction !== 'none') throw error;
        isExplicit = await hasOwnDefaults(session);
        if (!isExplicit) throw error;
      }
    }
    return runInTransaction(session, (transaction) => transaction.query<Row>(text, params));
  };
}

/** Whether the session's transactions are strict by default, or read-only by the role's own setting. */
async function hasOwnDefaults(session: Session): Promise<boolean> {
  const { rows } = await session.query<{ is_strict: boolean; is_read_only: boolean; is_of_role: boolean }>(
    `select pg_catalog.current_setting('default_transaction_isolation') in ('repeatable read', 'serializable') as is_strict,
            s.setting = 'on' as is_read_only,
            s.source in ('user', 'database user') as is_of_role
     from pg_catalog.pg_settings as s
     where s.name = 'default_transaction_read_only'`,
  );
  return rows.some((row) => (row.is_read_only ? row.is_of_role : row.is_strict));
}
