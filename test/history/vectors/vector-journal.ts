import type { Queryable } from '../../../src/db/query.ts';

/**
 * The journal of embedded tables: each change of a row, and of what their jobs ask for, written by triggers of the test's in the transaction
 * that makes the change, whatever disables the triggers of others.
 *
 * Rows are told apart by a column `ident`, which nobody changes. For one row, the order of `seq` is the order in which its changes happened,
 * and against the changes of its job as well: who writes a vector holds the job's row.
 */

/** A row as JSON, by the names its columns had. */
export type RowState = Readonly<Record<string, unknown>>;

export interface VectorChange {
  readonly seq: number;
  readonly table: string;
  /** Undefined for TRUNCATE. */
  readonly ident: number | undefined;
  /** True when a daemon made it. */
  readonly isDaemon: boolean;
  readonly before: RowState | undefined;
  readonly after: RowState | undefined;
}

/** What a job asks for from here on. */
export interface JobChange {
  readonly seq: number;
  readonly table: string;
  readonly model: string;
  readonly srcColumn: string;
  readonly dstColumn: string;
  /** False for a job that is canceled or gone. */
  readonly isWanted: boolean;
}

export interface VectorJournal {
  readonly changes: readonly VectorChange[];
  readonly jobs: readonly JobChange[];
}

const INSTALL = `
  create schema if not exists vector_history;
  create sequence vector_history.seq;
  create table vector_history.change (
    seq bigint not null default nextval('vector_history.seq') primary key,
    table_name text not null,
    ident bigint,
    actor text not null default current_setting('application_name'),
    before jsonb,
    after jsonb
  );
  create table vector_history.job (
    seq bigint not null default nextval('vector_history.seq') primary key,
    state jsonb not null,
    is_wanted boolean not null
  );
  create function vector_history.record_change() returns trigger
  language plpgsql security definer set search_path = pg_catalog, pg_temp set extra_float_digits = 3 as $$
  declare
    v_before jsonb;
    v_after jsonb;
  begin
    if tg_op in ('UPDATE', 'DELETE') then v_before := to_jsonb(old); end if;
    if tg_op in ('UPDATE', 'INSERT') then v_after := to_jsonb(new); end if;
    insert into vector_history.change (table_name, ident, before, after)
    values (tg_argv[0], (coalesce(v_after, v_before) ->> 'ident')::bigint, v_before, v_after);
    return null;
  end
  $$;
  create function vector_history.record_job() returns trigger
  language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
  begin
    if tg_op = 'DELETE' then
      insert into vector_history.job (state, is_wanted) values (to_jsonb(old), false);
    elsif tg_op = 'INSERT' or old.generation <> new.generation then
      insert into vector_history.job (state, is_wanted) values (to_jsonb(new), new.state <> 'canceled');
    end if;
    return null;
  end
  $$;
  create trigger zz_history after insert or update or delete on lamplighter.embedding_job
    for each row execute function vector_history.record_job();
  alter table lamplighter.embedding_job enable always trigger zz_history`;

/** Begins the journal, in a database that has no job yet. */
export async function installVectorJournal(db: Queryable): Promise<void> {
  await db.query(INSTALL);
}

/** Notes each change of a table, which has a column `ident`, from now on under `name`. */
export async function journalTable(db: Queryable, table: string, name = table): Promise<void> {
  await db.query(`
    create trigger zz_history after insert or update or delete on ${table} for each row
      execute function vector_history.record_change('${name}');
    alter table ${table} enable always trigger zz_history;
    create trigger zz_history_truncate after truncate on ${table} for each statement
      execute function vector_history.record_change('${name}')`);
}

/** Every change since the journal began, oldest first. */
export async function readVectorJournal(db: Queryable): Promise<VectorJournal> {
  const changes = await db.query<{
    seq: number;
    table_name: string;
    ident: number | null;
    actor: string;
    before: RowState | null;
    after: RowState | null;
  }>(
    `select c.seq::float8, c.table_name, c.ident::float8, c.actor, c.before, c.after from vector_history.change as c order by c.seq`,
  );
  const jobs = await db.query<{ seq: number; state: Readonly<Record<string, string>>; is_wanted: boolean }>(
    'select j.seq::float8, j.state, j.is_wanted from vector_history.job as j order by j.seq',
  );
  return {
    changes: changes.rows.map(({ seq, table_name, ident, actor, before, after }) => ({
      seq,
      table: table_name,
      ident: ident ?? undefined,
      isDaemon: actor === 'lamplighter daemon',
      before: before ?? undefined,
      after: after ?? undefined,
    })),
    jobs: jobs.rows.map(({ seq, state, is_wanted }) => ({
      seq,
      table: state['table_name'] ?? '',
      model: state['model'] ?? '',
      srcColumn: state['src_column'] ?? '',
      dstColumn: state['dst_column'] ?? '',
      isWanted: is_wanted,
    })),
  };
}
