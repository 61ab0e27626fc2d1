import { appendFileSync, chmodSync, mkdtempSync, readFileSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Queryable } from '../../../src/db/query.ts';

/**
 * The journals of tasks. Each change of a run is written by a trigger of the test's, in the transaction that makes it. Effects are rows
 * that the texts insert, and what no rollback undoes, each start of a text, goes to a file on the server's machine.
 */

/** What a run was before or after a change. */
export interface RunState {
  readonly jobid: string;
  readonly username: string;
  readonly state: string;
  readonly guarantee: string | null;
  readonly attempt: number;
  readonly charge: number;
  readonly workerId: string | null;
  readonly isBare: boolean;
  readonly errorMessage: string | null;
  readonly isProjected: boolean;
}

export interface RunChange {
  readonly seq: number;
  readonly runId: string;
  /** The name that its caller gave it, by which its journals are joined. */
  readonly key: string;
  /** The login of the session that made it. */
  readonly actor: string;
  /** When, by the clock of this machine. */
  readonly atMs: number;
  /** Absent for an insert. */
  readonly before: RunState | undefined;
  /** Absent for a delete. */
  readonly after: RunState | undefined;
  /** The backend that the run was noted with before was at work. */
  readonly isBackendThere: boolean;
  /** The worker that held it before was dead, had stopped, or is not known. */
  readonly isHolderOver: boolean;
}

/** A row of `lantern.tasks` as it is now. */
export interface TaskState {
  readonly jobid: string;
  readonly key: string;
  readonly status: string | null;
  readonly hasDuration: boolean;
  readonly errorMessage: string | null;
}

export interface TaskStart {
  readonly key: string;
  /** An earlier run of the same text was still at work. */
  readonly isOverlapping: boolean;
}

export interface TaskRecords {
  readonly changes: readonly RunChange[];
  readonly tasks: readonly TaskState[];
  /** The steps that have taken effect, in order, by key. */
  readonly effects: ReadonlyMap<string, readonly number[]>;
  /** Outcomes and cancels of runs that are over. */
  readonly leftovers: readonly string[];
}

/** Where texts tell that they have begun, which no rollback takes back. */
export interface StartJournal extends Disposable {
  readonly file: string;
  read(): TaskStart[];
  clear(): void;
}

export function createStartJournal(): StartJournal {
  const folder = mkdtempSync(join(tmpdir(), 'lamplighter-starts-'));
  const file = join(folder, 'starts');
  appendFileSync(file, '');
  // The server may run as somebody else.
  chmodSync(folder, 0o755);
  chmodSync(file, 0o666);
  return {
    file,
    read() {
      const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1);
      return lines.map((line) => {
        const [key = '', how = ''] = line.split('|');
        return { key, isOverlapping: how !== 'alone' };
      });
    },
    clear: () => truncateSync(file),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}

const INSTALL = `
  create schema if not exists history;
  grant usage on schema history to public;
  create table history.run_change (
    seq bigint generated always as identity,
    actor text not null default session_user,
    at timestamptz not null default clock_timestamp(),
    run_id bigint not null,
    before jsonb,
    after jsonb,
    is_backend_there boolean not null,
    is_holder_over boolean not null,
    constraint run_change_pkey primary key (seq)
  );
  create function history.record_run_change() returns trigger
  language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
  declare
    v_before jsonb := case when tg_op <> 'INSERT' then to_jsonb(old) - 'query' end;
    v_after jsonb := case when tg_op <> 'DELETE' then to_jsonb(new) - 'query' end;
  begin
    insert into history.run_change (run_id, before, after, is_backend_there, is_holder_over)
    values (
      (coalesce(v_after, v_before) ->> 'run_id')::bigint,
      v_before,
      v_after,
      exists (
        select
        from pg_stat_activity as a
        where a.pid = (v_before ->> 'pid')::integer
          and abs(extract(epoch from a.backend_start - (v_before ->> 'backend_start')::timestamptz)) < 0.002),
      not exists (
        select
        from lamplighter.worker as w
        where w.worker_id = (v_before ->> 'worker_id')::uuid and w.status not in ('dead', 'stopped')));
    return null;
  end
  $$;
  create trigger zz_history after insert or update or delete on lamplighter.task_run
    for each row execute function history.record_run_change();
  alter table lamplighter.task_run enable always trigger zz_history;
  create table history.effect (
    effect_id bigint generated always as identity,
    key text not null,
    step integer not null,
    constraint effect_pkey primary key (effect_id)
  );
  create function history.add_effect(p_key text, p_step integer) returns void
  language sql security definer set search_path = pg_catalog, pg_temp as $$
    insert into history.effect (key, step) values (p_key, p_step)
  $$;
  create table history.parent (id integer, constraint parent_pkey primary key (id));
  create table history.child (
    parent_id integer,
    constraint child_has_parent foreign key (parent_id) references history.parent deferrable initially deferred
  );
  grant insert on history.child to public;
  create procedure history.add_both(p_key text, p_seconds double precision)
  language plpgsql as $$
  begin
    perform history.start_task(p_key);
    perform history.add_effect(p_key, 1);
    commit;
    perform pg_sleep(p_seconds);
    perform history.add_effect(p_key, 2);
  end
  $$;`;

/** Begins the journals, in a database without tasks; `db` is logged in as a superuser of a server on this machine. */
export async function installTaskJournal(db: Queryable, { file }: StartJournal): Promise<void> {
  await db.query(INSTALL);
  await db.query(`
    create function history.start_task(p_key text) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
    begin
      execute format(
        'copy (select %L) to program %L',
        concat(p_key, '|', case when pg_try_advisory_lock(hashtextextended(p_key, 0)) then 'alone' else 'overlapping' end),
        'cat >> ${file}');
    end
    $$`);
}

/** Deletes every task and what the journals say of them; nobody else may be at work. */
export async function clearTaskJournal(db: Queryable, starts: StartJournal): Promise<void> {
  await db.query('delete from lantern.tasks');
  await db.query('delete from lamplighter.task_run');
  await db.query('delete from lamplighter.task_cancel');
  await db.query('delete from lamplighter.task_outcome');
  await db.query('truncate history.run_change, history.effect');
  starts.clear();
}

export async function readTaskRecords(db: Queryable): Promise<TaskRecords> {
  const { rows: changes } = await db.query<ChangeRow>(
    `select c.seq::float8, c.run_id::text, coalesce(c.after, c.before) ->> 'job_name' as key, c.actor,
            extract(epoch from c.at)::float8 * 1000 as at_ms, c.before, c.after,
            c.is_backend_there, c.is_holder_over
     from history.run_change as c order by c.seq`,
  );
  const { rows: tasks } = await db.query<TaskState>(
    `select t.jobid::text, t.job_name as key, t.status, t.duration is not null as "hasDuration", t.error_message as "errorMessage"
     from lantern.tasks as t`,
  );
  const { rows: effects } = await db.query<{ key: string; steps: number[] }>(
    'select e.key, array_agg(e.step order by e.effect_id) as steps from history.effect as e group by e.key',
  );
  const { rows: leftovers } = await db.query<{ what: string }>(
    `select format('an outcome of run %s', run_id) as what from lamplighter.task_outcome
     union all select format('a cancel of run %s', run_id) from lamplighter.task_cancel`,
  );
  return {
    changes: changes.map(toChange),
    tasks,
    effects: new Map(effects.map(({ key, steps }) => [key, steps])),
    leftovers: leftovers.map(({ what }) => what),
  };
}

interface StateRow {
  readonly jobid: number;
  readonly username: string;
  readonly state: string;
  readonly guarantee: string | null;
  readonly attempt: number;
  readonly charge: number;
  readonly worker_id: string | null;
  readonly bare_at: string | null;
  readonly error_message: string | null;
  readonly is_projected: boolean;
}

interface ChangeRow {
  readonly seq: number;
  readonly run_id: string;
  readonly key: string;
  readonly actor: string;
  readonly at_ms: number;
  readonly before: StateRow | null;
  readonly after: StateRow | null;
  readonly is_backend_there: boolean;
  readonly is_holder_over: boolean;
}

function toChange(row: ChangeRow): RunChange {
  return {
    seq: row.seq,
    runId: row.run_id,
    key: row.key,
    actor: row.actor,
    atMs: row.at_ms,
    before: toState(row.before),
    after: toState(row.after),
    isBackendThere: row.is_backend_there,
    isHolderOver: row.is_holder_over,
  };
}

function toState(row: StateRow | null): RunState | undefined {
  if (row === null) return undefined;
  return {
    jobid: String(row.jobid),
    username: row.username,
    state: row.state,
    guarantee: row.guarantee,
    attempt: row.attempt,
    charge: row.charge,
    workerId: row.worker_id,
    isBare: row.bare_at !== null,
    errorMessage: row.error_message,
    isProjected: row.is_projected,
  };
}
