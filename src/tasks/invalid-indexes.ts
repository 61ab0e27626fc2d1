import type { Queryable } from '../db/query.ts';
import type { TextParser } from './text-parser.ts';

/** An index that is maintained and never used, as what built it did not end well. */
export interface InvalidIndex {
  /** Of the index, as text. */
  readonly oid: string;
  /** With its schema, quoted where needed. */
  readonly name: string;
}

/**
 * Of the tables with that name, or with an index of that name, and their partitions; of all tables without a name. What somebody else's
 * session is building looks the same, so tables are left out on which one holds the lock of such a build.
 */
const INVALID_INDEXES = `
  select i.indexrelid::text as oid,
         pg_catalog.format('%I.%I', n.nspname, x.relname) as name
  from pg_catalog.pg_index as i
       join pg_catalog.pg_class as x on x.oid = i.indexrelid
       join pg_catalog.pg_namespace as n on n.oid = x.relnamespace
  where not i.indisvalid
    and x.relkind = 'i'
    and ($1::text is null or i.indrelid in (
      select t.oid
      from pg_catalog.pg_class as c
           join pg_catalog.pg_namespace as cn on cn.oid = c.relnamespace
           left join pg_catalog.pg_index as ci on ci.indexrelid = c.oid
           cross join lateral (
             select coalesce(ci.indrelid, c.oid) as oid
             union
             select p.relid from pg_catalog.pg_partition_tree(coalesce(ci.indrelid, c.oid)) as p) as t
      where c.relname = $1 and ($2::text is null or cn.nspname = $2)))
    and not exists (
      select
      from pg_catalog.pg_locks as l
           join pg_catalog.pg_stat_activity as a on a.pid = l.pid
      where l.locktype = 'relation'
        and l.relation = i.indrelid
        and l.database = (select d.oid from pg_catalog.pg_database as d where d.datname = pg_catalog.current_database())
        and l.mode = 'ShareUpdateExclusiveLock'
        and l.granted
        and a.usesysid is not null)
  order by name`;

/** True for texts that are worth a look before and after. */
export function mayLeaveInvalidIndex(text: string): boolean {
  return /\bconcurrently\b/i.test(text);
}

/** The invalid indexes of the tables that `text` builds an index of concurrently, in the database of `db`. */
export async function listInvalidIndexes(
  { db, parser }: { readonly db: Queryable; readonly parser: TextParser },
  text: string,
): Promise<readonly InvalidIndex[]> {
  const statements = await parser.parse(text);
  const build = statements?.find(({ kind }) => kind === 'concurrent-index');
  if (statements !== undefined && build === undefined) return [];
  const { rows } = await db.query<InvalidIndex>(INVALID_INDEXES, [
    build?.relation?.name ?? null,
    build?.relation?.schema ?? null,
  ]);
  return rows;
}

/** A line for each, with the statement that drops it. */
export function describeInvalidIndexes(indexes: readonly InvalidIndex[]): string {
  return indexes
    .map(({ name }) => `The index ${name} is invalid; drop it with: DROP INDEX CONCURRENTLY ${name};\n`)
    .join('');
}
