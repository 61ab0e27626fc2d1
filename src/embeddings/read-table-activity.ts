import type { Queryable } from '../db/query.ts';
import type { EmbeddedTable } from './table/embedded-table.ts';

/**
 * What the server has counted of rows that came and went in a job's table, as a text to compare: another one when rows were inserted, deleted
 * or truncated since, or chunks deleted or truncated, seconds later at the latest; sometimes also when none were.
 */
export async function readTableActivity(
  db: Queryable,
  { leaves, chunks }: Pick<EmbeddedTable, 'leaves' | 'chunks'>,
): Promise<string> {
  const { rows } = await db.query<{ activity: string | null }>(
    `select pg_catalog.format('%s %s %s', sum(pg_catalog.pg_stat_get_tuples_inserted(u.oid)) filter (where u.oid operator(pg_catalog.<>) $2::pg_catalog.oid is not false), sum(pg_catalog.pg_stat_get_tuples_deleted(u.oid)),
       sum(pg_catalog.pg_relation_filenode(u.oid)::pg_catalog.int8)) as activity
     from pg_catalog.unnest($1::pg_catalog.oid[]) as u (oid)`,
    [[...leaves, ...(chunks === undefined ? [] : [chunks])].map(({ oid }) => oid), chunks?.oid ?? null],
  );
  return rows[0]?.activity ?? '';
}
