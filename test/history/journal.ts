import type { Queryable } from '../../src/db/query.ts';

/**
 * The journal of the queue: each change of a request, written by a trigger of the test's in the transaction that makes the change.
 *
 * It is outside of what is tested, yet survives crashes, restarts and failovers exactly as the requests do. The order of `seq` is, for one
 * request, the order in which its changes happened, as each was made under the lock of its row.
 */

/** What a request was before or after a change. */
export interface RequestState {
  readonly id: number;
  readonly functionName: string;
  readonly model: string;
  readonly username: string;
  readonly priority: number;
  /** Microseconds since 1970. */
  readonly createdUs: number;
  readonly status: string;
  readonly workerId: string | null;
  readonly attempt: number;
  readonly retryCount: number;
  readonly runAt: string | null;
  readonly batchId: string | null;
  readonly result: string | null;
  readonly error: string | null;
  readonly startedAt: string | null;
  readonly completedAt: string | null;
  readonly failedAt: string | null;
}

export interface Change {
  readonly seq: number;
  readonly xid: number;
  /** When the server was started, in microseconds since 1970. What it had not flushed when it crashed is not in the journal. */
  readonly serverStartUs: number;
  /** Which transactions had committed, as `pg_current_snapshot()` says. */
  readonly snapshot: string;
  /** Microseconds since 1970, by the clock of the server. */
  readonly atUs: number;
  /** The login of the session that made it. */
  readonly actor: string;
  readonly requestId: string;
  /** The prompt, text or query; of an insert only. */
  readonly text: string | null;
  /** Absent for an insert. */
  readonly before: RequestState | undefined;
  /** Absent for a delete. */
  readonly after: RequestState | undefined;
  /** True when the worker that held it before was dead, had stopped, or is not known. */
  readonly isHolderOver: boolean;
}

const INSTALL = `
  create schema history;
  create table history.change (
    seq bigint generated always as identity,
    xid bigint not null default pg_current_xact_id()::text::bigint,
    snapshot text not null default pg_current_snapshot()::text,
    server_start timestamptz not null default pg_postmaster_start_time(),
    at timestamptz not null default clock_timestamp(),
    actor text not null default session_user,
    request_id uuid not null,
    request_text text,
    before jsonb,
    after jsonb,
    is_holder_over boolean not null default false,
    constraint change_pkey primary key (seq)
  );
  create function history.record_change() returns trigger
  language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
  declare
    v_before jsonb := case when tg_op <> 'INSERT' then to_jsonb(old) end;
    v_after jsonb := case when tg_op <> 'DELETE' then to_jsonb(new) end;
    v_parameters jsonb := case when tg_op = 'INSERT' then v_after -> 'parameters' end;
  begin
    insert into history.change (request_id, request_text, before, after, is_holder_over)
    values (
      (coalesce(v_after, v_before) ->> 'request_id')::uuid,
      coalesce(v_parameters ->> 'prompt', v_parameters ->> 'text_input', v_parameters ->> 'query'),
      v_before - 'parameters',
      v_after - 'parameters',
      coalesce(v_before ->> 'status' = 'processing', false) and not exists (
        select 1 from lamplighter.worker as w
        where w.worker_id = (v_before ->> 'worker_id')::uuid and w.status not in ('dead', 'stopped')));
    return null;
  end
  $$;
  create trigger zz_history after insert or update or delete on public.steadytext_queue
    for each row execute function history.record_change();
  alter table public.steadytext_queue enable always trigger zz_history`;

/** Begins the journal, in a database whose queue is empty; `db` is logged in as the owner of the queue. */
export async function installJournal(db: Queryable): Promise<void> {
  const { rows } = await db.query('select from public.steadytext_queue limit 1');
  if (rows.length > 0) throw new Error('a history begins with an empty queue');
  await db.query(INSTALL);
}

/** Deletes every request and what the journal says of them; nobody else may be at work. */
export async function clearJournal(db: Queryable): Promise<void> {
  await db.query('delete from public.steadytext_queue');
  await db.query('truncate history.change');
}

/** Every change since the journal began, oldest first. */
export async function readJournal(db: Queryable): Promise<Change[]> {
  const { rows } = await db.query<ChangeRow>(
    `select c.seq::float8, c.xid::float8, c.snapshot, extract(epoch from c.server_start)::float8 as server_start,
            extract(epoch from c.at)::float8 as at, c.actor, c.request_id, c.request_text, c.before, c.after, c.is_holder_over,
            extract(epoch from (coalesce(c.after, c.before) ->> 'created_at')::timestamptz)::float8 as created_at
     from history.change as c order by c.seq`,
  );
  return rows.map(toChange);
}

/** Every request as the table has it now, by request id. */
export async function readRequests(db: Queryable): Promise<Map<string, RequestState>> {
  const { rows } = await db.query<{ request_id: string; row: StateRow; created_at: number }>(
    `select q.request_id, to_jsonb(q) - 'parameters' as row, extract(epoch from q.created_at)::float8 as created_at
     from public.steadytext_queue as q`,
  );
  return new Map(rows.map(({ request_id, row, created_at }) => [request_id, toState(row, created_at)]));
}

interface StateRow {
  readonly id: number;
  readonly function_name: string;
  readonly model: string;
  readonly username: string;
  readonly priority: number;
  readonly status: string;
  readonly worker_id: string | null;
  readonly attempt: number;
  readonly retry_count: number;
  readonly run_at: string | null;
  readonly batch_id: string | null;
  readonly result: string | null;
  readonly error: string | null;
  readonly started_at: string | null;
  readonly completed_at: string | null;
  readonly failed_at: string | null;
}

interface ChangeRow {
  readonly seq: number;
  readonly xid: number;
  readonly snapshot: string;
  readonly server_start: number;
  readonly at: number;
  readonly actor: string;
  readonly request_id: string;
  readonly request_text: string | null;
  readonly before: StateRow | null;
  readonly after: StateRow | null;
  readonly is_holder_over: boolean;
  readonly created_at: number;
}

/** True for the `run_at` of what is out of the queue. */
export const isFarAway = (runAt: string): boolean => Date.parse(runAt) === Date.UTC(9000, 0, 1);

function toChange(row: ChangeRow): Change {
  return {
    seq: row.seq,
    xid: row.xid,
    snapshot: row.snapshot,
    serverStartUs: Math.round(row.server_start * 1e6),
    atUs: Math.round(row.at * 1e6),
    actor: row.actor,
    requestId: row.request_id,
    text: row.request_text,
    before: row.before === null ? undefined : toState(row.before, row.created_at),
    after: row.after === null ? undefined : toState(row.after, row.created_at),
    isHolderOver: row.is_holder_over,
  };
}

function toState(row: StateRow, createdAt: number): RequestState {
  return {
    id: row.id,
    functionName: row.function_name,
    model: row.model,
    username: row.username,
    priority: row.priority,
    createdUs: Math.round(createdAt * 1e6),
    status: row.status,
    workerId: row.worker_id,
    attempt: row.attempt,
    retryCount: row.retry_count,
    runAt: row.run_at,
    batchId: row.batch_id,
    result: row.result,
    error: row.error,
    startedAt: row.started_at,
    completedAt: row.completed_at,
    failedAt: row.failed_at,
  };
}
