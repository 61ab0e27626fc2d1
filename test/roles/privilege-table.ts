import type pg from 'pg';
import { ROLES } from './cast.ts';

/** One statement that a role may or may not run, and the name under which the table of privileges knows it. */
export interface Attempt {
  readonly object: string;
  /** E.g. `execute`, `truncate`, or `update (status)`. */
  readonly action: string;
  readonly statement: string;
}

/** One row of the table: actions on an object, and a mark for each role: `+` may, `.` may not. */
export interface PrivilegeRow {
  readonly object: string;
  readonly actions: readonly string[];
  readonly marks: string;
}

/**
 * Reads lines such as `+ + + . .  public.steadytext_queue update (status, retry_count)`. The action `*` stands for all that no other
 * line of the object names; columns in parentheses are actions of their own. Lines that begin with # are comments.
 */
export function parsePrivileges(table: string): PrivilegeRow[] {
  return table
    .split('\n')
    .filter((line) => line.trim() !== '' && !line.startsWith('#'))
    .map((line) => {
      const match = /^((?:[+.] )+) *(\S+) (\S+)(?: \(([^)]*)\))?$/.exec(line);
      if (match === null) throw new Error(`not a line of privileges: ${line}`);
      const [, marks = '', object = '', action = '', columns] = match;
      const actions = columns?.split(',').map((column) => `${action} (${column.trim()})`) ?? [action];
      return { object, actions, marks: marks.replaceAll(' ', '') };
    });
}

/**
 * What the table says of each attempt, by `object action`.
 *
 * @throws Error when the table does not name an object, or names one that does not exist.
 */
export function expectMarks(rows: readonly PrivilegeRow[], attempts: readonly Attempt[]): Map<string, string> {
  const named = new Map(
    rows.flatMap(({ object, actions, marks }) => actions.map((action) => [`${object} ${action}`, marks])),
  );
  const expected = new Map<string, string>();
  const used = new Set<string>();
  const missing: string[] = [];
  for (const { object, action } of attempts) {
    const key = [`${object} ${action}`, `${object} *`].find((candidate) => named.has(candidate));
    if (key === undefined) missing.push(`${object} ${action}`);
    else used.add(key);
    expected.set(`${object} ${action}`, named.get(key ?? '') ?? '');
  }
  const unknown = [...named.keys()].filter((key) => !used.has(key));
  if (missing.length > 0) throw new Error(`add to the table of privileges: ${missing.join('; ')}`);
  if (unknown.length > 0) throw new Error(`the table of privileges names what does not exist: ${unknown.join('; ')}`);
  for (const marks of expected.values()) {
    if (marks.length !== ROLES.length) throw new Error(`expected a mark for each of ${ROLES.join(', ')}, got ${marks}`);
  }
  return expected;
}

/** Which of the statements the session's role may run; nothing of what they do remains. */
export async function tryAll(session: pg.Client, attempts: readonly Attempt[]): Promise<boolean[]> {
  const { rows } = await session.query<{ outcomes: boolean[] }>('select probe.try_all($1) as outcomes', [
    attempts.map(({ statement }) => statement),
  ]);
  return rows[0]?.outcomes ?? [];
}

/** Runs each statement and takes it back; true unless it is refused with 42501, insufficient privilege. */
export const PROBE = `
  create schema probe;
  grant usage on schema probe to public;
  create function probe.try_all(statements text[]) returns boolean[] language plpgsql as $$
  declare
    statement text;
    outcomes boolean[] := '{}';
  begin
    foreach statement in array statements loop
      begin
        execute statement;
        raise exception 'took no exception' using errcode = 'LLOOK';
      exception when others then
        outcomes := outcomes || (sqlstate <> '42501');
      end;
    end loop;
    return outcomes;
  end
  $$;
  create function probe.demand(is_allowed boolean) returns void language plpgsql as $$
  begin
    if not is_allowed then
      raise exception 'refused' using errcode = '42501';
    end if;
  end
  $$;
`;

/** Everything that can be attempted on the product's objects, from the catalog. */
export const LIST_ATTEMPTS = `
  with relation as (
    select c.oid, c.relkind, format('%I.%I', n.nspname, c.relname) as object,
           -- What nobody can write to is refused before privileges are looked at.
           c.relkind <> 'v' or pg_relation_is_updatable(c.oid, true) <> 0 as is_writable
    from pg_class as c
    join pg_namespace as n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
      and (n.nspname in ('lamplighter', 'lantern') or (n.nspname = 'public' and c.relname like 'steadytext%'))
  ), attribute as (
    select r.object, r.is_writable, a.attname, format_type(a.atttypid, a.atttypmod) as type
    from relation as r
    join pg_attribute as a on a.attrelid = r.oid
    where r.relkind <> 'S' and a.attnum > 0 and not a.attisdropped
  ), privilege as (
    select unnest(array['references', 'trigger'] || case when current_setting('server_version_num')::int >= 170000
      then array['maintain'] else '{}' end) as name
  )
  select object, action, statement
  from (
    select a.object, format('%s (%s)', w.action, a.attname) as action, format(w.statement, a.object, a.attname, a.type) as statement
    from attribute as a
    cross join (values
      ('select', 'select %2$I from %1$s'),
      ('insert', 'insert into %1$s (%2$I) select null::%3$s where false'),
      ('update', 'update %1$s set %2$I = null where false')) as w (action, statement)
    where a.is_writable or w.action = 'select'
    union all
    select r.object, w.action, format(w.statement, r.object)
    from relation as r
    cross join (values
      ('delete', 'delete from %1$s where false'),
      ('truncate', 'truncate %1$s'),
      ('lock-rows', 'select from %1$s for update'),
      ('lock-table', 'lock table %1$s in access exclusive mode')) as w (action, statement)
    where r.relkind <> 'S' and r.is_writable
    union all
    select r.object, p.name, format('select probe.demand(has_table_privilege(%L, %L))', r.object, p.name)
    from relation as r
    cross join privilege as p
    where r.relkind <> 'S'
    union all
    select r.object, 'use-type', format('create temp table of_type (value %s)', r.object)
    from relation as r
    where r.relkind <> 'S'
    union all
    select r.object, w.action, format(w.statement, r.object)
    from relation as r
    cross join (values
      ('select', 'select last_value from %1$s'),
      ('nextval', 'select nextval(%1$L)'),
      ('currval', 'select currval(%1$L)'),
      ('setval', 'select setval(%1$L, 1)')) as w (action, statement)
    where r.relkind = 'S'
    union all
    select format('%I.%I', n.nspname, p.proname), 'execute',
           format('%s %I.%I(%s)', case p.prokind when 'p' then 'call' else 'select' end, n.nspname, p.proname,
             (select string_agg('null::' || t.type::regtype, ', ' order by t.position)
              from unnest(p.proargtypes) with ordinality as t (type, position)))
    from pg_proc as p
    join pg_namespace as n on n.oid = p.pronamespace
    where n.nspname in ('lamplighter', 'lantern') or (n.nspname = 'public' and p.proname like 'steadytext%')
    union all
    select format('%I', n.nspname), w.action, format(w.statement, n.nspname)
    from pg_namespace as n
    cross join (values
      ('usage', 'select probe.demand(has_schema_privilege(%1$L, ''usage''))'),
      ('create', 'create table %1$I.made_by_a_test ()')) as w (action, statement)
    where n.nspname in ('lamplighter', 'lantern')
  ) as attempt
  order by object, action
`;
