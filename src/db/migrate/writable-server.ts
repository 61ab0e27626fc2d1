import { LamplighterError } from '../../core/errors.ts';
import type { Queryable } from '../query.ts';

/**
 * Makes sure that the server can be written to. A role that is read-only by default passes, as that is said for each transaction.
 *
 * @throws LamplighterError CONNECTION_REFUSED for a read replica, and for a server or database that its host has made read-only.
 */
export async function requireWritableServer(db: Queryable): Promise<void> {
  const { rows } = await db.query<{ is_standby: boolean; is_read_only: boolean }>(
    `select pg_catalog.pg_is_in_recovery() as is_standby,
            s.setting = 'on' and s.source not in ('user', 'database user') as is_read_only
     from pg_catalog.pg_settings as s
     where s.name = 'default_transaction_read_only'`,
  );
  const [state] = rows;
  if (state?.is_standby === true) {
    throw new LamplighterError('CONNECTION_REFUSED', 'The server is a read replica, where nothing can be written', {
      hint: 'Connect to the primary; with several hosts in the URI, target_session_attrs=primary finds it.',
    });
  }
  if (state?.is_read_only === true) {
    throw new LamplighterError(
      'CONNECTION_REFUSED',
      'The server is read-only: default_transaction_read_only is on for all roles',
      { hint: 'Hosts do this when the disk is almost full: free space, or ask the operator of the server.' },
    );
  }
}
