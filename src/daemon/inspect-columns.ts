import { LamplighterError } from '../core/errors.ts';
import type { Queryable } from '../db/query.ts';
import { bytesAsText } from '../embeddings/table/row-sql.ts';

export interface InspectedColumn {
  readonly quotedName: string;
  readonly type: string;
  /** The same, or what a domain is made of. */
  readonly baseType: string;
}

/**
 * A table and some of its columns, each undefined where the table has none of that name.
 *
 * @throws LamplighterError CONFIG_INVALID when there is no such table.
 */
export async function inspectColumns(
  db: Queryable,
  { schema, table }: { readonly schema: string; readonly table: string },
  names: readonly string[],
): Promise<{ readonly quotedTable: string; readonly columns: readonly (InspectedColumn | undefined)[] }> {
  const { rows } = await db.query<{
    quoted_table: string;
    name: string | null;
    quoted_name: string;
    type: string;
    base_type: string;
  }>(
    `select pg_catalog.format('%I.%I', n.nspname, c.relname) as quoted_table, a.attname::text as name,
            pg_catalog.quote_ident(a.attname) as quoted_name, pg_catalog.format_type(a.atttypid, a.atttypmod) as type,
            case when t.typtype = 'd' then pg_catalog.format_type(t.typbasetype, t.typtypmod)
              else pg_catalog.format_type(a.atttypid, a.atttypmod) end as base_type
     from pg_catalog.pg_class as c
     join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
     left join pg_catalog.pg_attribute as a
       on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attname = any ($3::text[])
     left join pg_catalog.pg_type as t on t.oid = a.atttypid
     where n.nspname = $1 and c.relname = $2`,
    [schema, table, [...names]],
  );
  const [first] = rows;
  if (first === undefined) throw new LamplighterError('CONFIG_INVALID', `There is no table "${schema}"."${table}"`);
  return {
    quotedTable: first.quoted_table,
    columns: names.map((name) => {
      const found = rows.find((row) => row.name === name);
      return found && { quotedName: found.quoted_name, type: found.type, baseType: found.base_type };
    }),
  };
}

/** The text of a row as it is given to the model. */
export function textOf(column: string, { type }: InspectedColumn): string {
  return type === 'bytea' ? bytesAsText(column) : `${column}::text`;
}
