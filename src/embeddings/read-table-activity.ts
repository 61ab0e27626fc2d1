import type { Queryable } from '../db/query.ts';

/**
 * What the server has counted of rows that came and went in the tables, as a text to compare: another one when rows were inserted, deleted or
 * truncated since, seconds later at the latest; sometimes also when none were.
 */
export async function readTableActivity(db: Queryable, tables: readonly { readonly oid: string }[]): Promise<string> {
  const { rows } = await db.query<{ activity: string | null }>(
    `select pg_catalog.format('%s %s %s', sum(pg_catalog.pg_stat_get_tuples_inserted(u.oid)), sum(pg_catalog.pg_stat_get_tuples_deleted(u.oid)),
       sum(pg_catalog.pg_relation_filenode(u.oid)::pg_catalog.int8)) as activity
     from pg_catalog.unnest($1::pg_catalog.oid[]) as u (oid)`,
    [tables.map(({ oid }) => oid)],
  );
  return rows[0]?.activity ?? '';
}
