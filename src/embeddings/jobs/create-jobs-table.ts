import type { Queryable } from '../../db/query.ts';
import { createJobsTableText } from './job-columns.ts';
import type { JobsTableName } from './jobs-table.ts';

export interface CreatedJobsTable {
  /** Schema-qualified and quoted. */
  readonly quotedName: string;
  /** Roles that default privileges would have let in. */
  readonly revoked: readonly string[];
}

/**
 * Creates a jobs table for its creator alone: grants by default privileges are revoked. Call it in a transaction, so that no other role
 * gets access in between.
 *
 * @throws the server's error, such as duplicate_table or insufficient_privilege.
 */
export async function createJobsTable(
  transaction: Queryable,
  { schema, table }: JobsTableName,
): Promise<CreatedJobsTable> {
  const [name] = (
    await transaction.query<{ quoted_name: string }>(
      "select pg_catalog.format('%I.%I', $1::text, $2::text) as quoted_name",
      [schema, table],
    )
  ).rows;
  const quotedName = name?.quoted_name ?? '';
  await transaction.query(createJobsTableText(quotedName));
  await transaction.query(
    `comment on table ${quotedName} is 'Embedding jobs of Lamplighter: one row for each column to be embedded. Whoever may write here decides what the daemon does.'`,
  );
  const { rows } = await transaction.query<{ grantee: string }>(
    `select distinct coalesce(pg_catalog.quote_ident(g.rolname), 'public') as grantee
     from pg_catalog.pg_class as c
     cross join lateral pg_catalog.aclexplode(c.relacl) as x
     left join pg_catalog.pg_roles as g on g.oid = x.grantee
     where c.oid = $1::pg_catalog.regclass::pg_catalog.oid and x.grantee <> c.relowner
     order by 1`,
    [quotedName],
  );
  for (const { grantee } of rows) await transaction.query(`revoke all on table ${quotedName} from ${grantee}`);
  return { quotedName, revoked: rows.map(({ grantee }) => grantee) };
}
