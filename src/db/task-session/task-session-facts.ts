import { LamplighterError } from '../../core/errors.ts';
import type { TextExchange } from './text-exchange.ts';

/** What a session is, as the server says. */
export interface TaskSessionFacts {
  /** The pid of the server process, also behind a pooler. */
  readonly pid: number;
  /** The key that, with `pid`, cancels what the session runs, from anywhere; absent where something in between has keys of its own. */
  readonly cancelKey?: number;
  /** ISO 8601, to the microsecond. */
  readonly backendStart: string;
  /** Another one after a restart, and the same when the server recovers from the crash of a backend; ISO 8601, to the microsecond. */
  readonly postmasterStart: string;
  readonly sessionUser: string;
  readonly roleOid: number;
  readonly database: string;
  readonly isStandby: boolean;
  /** The role that sessions of this login start as (`ALTER ROLE .. SET role`), which this one has left by SET ROLE NONE; else `none`. */
  readonly ownRole: string;
  readonly isReadOnlyByDefault: boolean;
  /** `server_version_num`, such as 150018. */
  readonly serverVersion: number;
  /** Nothing is in between that gives process ids of its own. */
  readonly isDirect: boolean;
}

/** Every name qualified, operators too: the session's search_path is the user's. */
const FACTS = `
  select pg_catalog.pg_backend_pid() as pid,
         pg_catalog.to_jsonb(a.backend_start) operator(pg_catalog.#>>) '{}' as backend_start,
         pg_catalog.to_jsonb(pg_catalog.pg_postmaster_start_time()) operator(pg_catalog.#>>) '{}' as postmaster_start,
         r.rolname as session_user_name,
         r.oid as role_oid,
         pg_catalog.current_database() as database,
         pg_catalog.pg_is_in_recovery() as is_standby,
         pg_catalog.current_setting('role') as own_role,
         pg_catalog.current_setting('default_transaction_read_only') as is_read_only,
         pg_catalog.current_setting('server_version_num') as server_version
  from pg_catalog.pg_stat_get_activity(pg_catalog.pg_backend_pid()) as a
       left join pg_catalog.pg_roles as r on r.rolname operator(pg_catalog.=) session_user`;

/** @throws LamplighterError CONNECTION_REFUSED when the role is gone; whatever the query throws. */
export async function readTaskSessionFacts(exchange: TextExchange): Promise<TaskSessionFacts> {
  let [row = {}] = await exchange.query(FACTS);
  const ownRole = row['own_role'] ?? 'none';
  if (ownRole !== 'none') {
    // Some of it shows only to the session's own login.
    await exchange.query('set role none');
    [row = {}] = await exchange.query(FACTS);
  }
  const text = (name: string) => {
    const value = row[name];
    if (value !== undefined) return value;
    throw new LamplighterError('CONNECTION_REFUSED', `Expected the server to say its ${name}, got nothing`);
  };
  const pid = Number(text('pid'));
  const isDirect = exchange.key?.processId === pid;
  return {
    pid,
    ...(isDirect ? { cancelKey: exchange.key.secretKey } : {}),
    backendStart: text('backend_start'),
    postmasterStart: text('postmaster_start'),
    sessionUser: text('session_user_name'),
    roleOid: Number(text('role_oid')),
    database: text('database'),
    isStandby: text('is_standby') === 't',
    ownRole,
    isReadOnlyByDefault: text('is_read_only') === 'on',
    serverVersion: Number(text('server_version')),
    isDirect,
  };
}
