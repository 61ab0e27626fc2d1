import { loadQuery } from '../db/load-sql.ts';
import type { Queryable } from '../db/query.ts';

const LIST_BEFORE_TRIGGERS = loadQuery('list_before_triggers');

/**
 * Lets triggers of the user's find their tables by the path of the login, as they would in a session of its own, and by the schema of theirs,
 * until the transaction ends or `hidePath`: statements have to be qualified meanwhile. Rows are looked up by place or key: no plan that reads the table
 * instead is right. Tells whether a trigger, a rule or a generated column of the tables `written`, given by oid, may change or swallow what is
 * written.
 */
export async function showPath(
  db: Queryable,
  searchPath: string,
  schema: string,
  written: readonly string[] = [],
): Promise<boolean> {
  const { rows } = await db.query<{ is_altering: boolean }>(
    `select pg_catalog.set_config('enable_seqscan', 'off', true), pg_catalog.set_config('enable_hashjoin', 'off', true),
       pg_catalog.set_config('enable_mergejoin', 'off', true), pg_catalog.set_config('search_path', $1, true),
       exists (
         select 1 from pg_catalog.pg_trigger as t
         where t.tgrelid = any ($2::pg_catalog.oid[]) and t.tgenabled <> 'D' and t.tgtype::pg_catalog.int4 & 18 = 18
       ) or exists (
         select 1 from pg_catalog.pg_class as c
         left join pg_catalog.pg_attribute as a on a.attrelid = c.oid and a.attgenerated <> ''
         where c.oid = any ($2::pg_catalog.oid[]) and (c.relhasrules or a.attnum is not null)
       ) as is_altering`,
    [searchPath === '' ? schema : `${searchPath}, ${schema}`, written],
  );
  return rows[0]?.is_altering ?? true;
}

/** Takes the path of the user's away again. */
export async function hidePath(db: Queryable): Promise<void> {
  await db.query(`select pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true)`);
}

/** The triggers that can have changed or swallowed a write, for people. */
export async function nameTriggers(db: Queryable, leaf: string): Promise<string> {
  await hidePath(db);
  const { rows } = await db.query<{ name: string }>(LIST_BEFORE_TRIGGERS, [leaf]);
  const names = rows.map(({ name }) => `"${name}"`).join(', ');
  if (rows.length === 0) return 'A rule of the table';
  return rows.length === 1 ? `The trigger ${names}` : `One of the triggers ${names}`;
}
