import { randomInt } from 'node:crypto';
import { escapeIdentifier } from 'pg';
import { messageOf } from '../../core/errors.ts';
import { loadQuery } from '../load-sql.ts';
import type { Queryable } from '../query.ts';
import type { Session } from '../session.ts';
import { runInTransaction } from '../transaction.ts';

/** Whether one transaction can queue a request and wait for it. */
export type LoopbackState =
  | { readonly state: 'works' }
  | { readonly state: 'no_dblink'; readonly isAvailable: boolean }
  | { readonly state: 'not_set' }
  /** Only the schema's owner may read the connection. */
  | { readonly state: 'hidden' }
  | { readonly state: 'fails'; readonly reason: string };

interface StateRow {
  dblink_schema: string | null;
  is_available: boolean;
  may_read: boolean | null;
}

/**
 * Looks at dblink and the loopback connection, and tries it: the connection has to lead back to the very database it came from.
 *
 * @param candidate a DSN to try in place of the one that is set.
 */
export async function checkLoopback(session: Session, candidate?: string): Promise<LoopbackState> {
  const [row] = (await session.query<StateRow>(loadQuery('read_loopback_state'))).rows;
  if (row === undefined) throw new Error('read_loopback_state returned no row');
  if (row.dblink_schema === null) return { state: 'no_dblink', isAvailable: row.is_available };
  if (row.may_read !== true) return { state: 'hidden' };
  const { rows: loopbacks } = await session.query<{ dsn: string }>('select l.dsn from lamplighter.loopback as l');
  const dsn = candidate ?? loopbacks[0]?.dsn;
  if (dsn === undefined) return { state: 'not_set' };
  const dblink = `${escapeIdentifier(row.dblink_schema)}.dblink`;
  try {
    const reason = await runInTransaction(session, (transaction) => reasonAgainst(transaction, dblink, dsn));
    return reason === undefined ? { state: 'works' } : { state: 'fails', reason };
  } catch (error) {
    return { state: 'fails', reason: reasonOf(error) };
  }
}

async function reasonAgainst(transaction: Queryable, dblink: string, dsn: string): Promise<string | undefined> {
  const key = randomInt(2 ** 31);
  const { rows: locked } = await transaction.query<{ pid: number }>(
    'select pg_catalog.pg_backend_pid() as pid, pg_catalog.pg_advisory_xact_lock($1)',
    [key],
  );
  const { rows } = await transaction.query<{ is_same: boolean; may_enqueue: boolean | null }>(
    `select t.is_same, t.may_enqueue from ${dblink}($1, $2) as t (is_same boolean, may_enqueue boolean)`,
    [dsn, otherEnd(locked[0]?.pid ?? 0, key)],
  );
  if (rows[0]?.is_same !== true) return 'it leads to another database';
  return rows[0].may_enqueue === true
    ? undefined
    : 'it logs in as a role that is not the owner of the schema lamplighter';
}

/** Run at the other end: is the lock of the session that asks to be seen there? */
function otherEnd(pid: number, key: number): string {
  return `
    select
      here.is_same,
      case when here.is_same then (
        select pg_catalog.bool_and(pg_catalog.has_function_privilege(p.oid, 'EXECUTE'))
        from pg_catalog.pg_proc as p
        join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
        where n.nspname = 'lamplighter' and p.proname = 'enqueue_autonomous'
      ) end
    from (
      select exists (
        select 1
        from pg_catalog.pg_locks as l
        join pg_catalog.pg_database as d on d.oid = l.database
        where l.locktype = 'advisory' and l.pid = ${pid} and l.classid = '0' and l.objid = '${key}'
          and d.datname = pg_catalog.current_database()
      )
    ) as here (is_same)`;
}

/** dblink says only that it could not connect; libpq's reason is in the detail. */
function reasonOf(error: unknown): string {
  const detail = error instanceof Error && 'detail' in error && typeof error.detail === 'string' ? error.detail : '';
  return [messageOf(error), detail.trim().replaceAll(/\s*\n\s*/g, ' ')].filter((part) => part !== '').join(': ');
}
