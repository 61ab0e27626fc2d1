import { loadQuery } from '../load-sql.ts';
import type { Queryable } from '../query.ts';
import { sharedSchemas } from './shared-names.ts';

/**
 * What roles that were granted still lack, as only the owner of the database or of a shared schema can give it: one line each, with
 * the statement to run. Empty unless PUBLIC has lost what it has in a new database.
 */
export async function listMissingRights(db: Queryable): Promise<string[]> {
  const { rows } = await db.query<{ note: string }>(
    `with granted as (${loadQuery('list_role_grants')})
     select distinct pg_catalog.format(
       'The role %1$I may not connect to this database; run: GRANT CONNECT ON DATABASE %2$I TO %1$I',
       g.role_name, pg_catalog.current_database()) as note
     from granted as g
     join pg_catalog.pg_roles as r on r.rolname = g.role_name and r.rolcanlogin
     where not pg_catalog.has_database_privilege(g.role_name, pg_catalog.current_database(), 'CONNECT')
     union all
     select pg_catalog.format(
       'The role %1$I may not use the schema %2$I; run: GRANT USAGE ON SCHEMA %2$I TO %1$I', g.role_name, n.nspname)
     from granted as g
     cross join pg_catalog.pg_namespace as n
     where g.kind = 'caller'
       and n.nspname = any ($1::text[])
       and not pg_catalog.has_schema_privilege(g.role_name, n.oid, 'USAGE')
     order by note`,
    [['public', ...sharedSchemas()]],
  );
  return rows.map(({ note }) => note);
}
