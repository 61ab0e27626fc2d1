import { LamplighterError } from '../../core/errors.ts';
import type { Queryable } from '../../db/query.ts';

export interface NamedTable {
  readonly oid: string;
  /** Qualified and quoted. */
  readonly name: string;
}

/**
 * Makes sure, until the transaction ends, that each name means the table that was looked at when the job was prepared. Who may create in the
 * schema could else put a view in its place, whose functions would run with this login's rights. Nothing is read before that is known.
 *
 * @throws LamplighterError JOB_CHANGED when a name means something else; the server's error when there is nothing of that name.
 */
export async function holdTables(db: Queryable, jobId: string, tables: readonly NamedTable[]): Promise<void> {
  if (tables.length === 0) return;
  await db.query(`lock table ${tables.map(({ name }) => `only ${name}`).join(', ')} in access share mode`);
  const { rows } = await db.query(
    `select t.name
     from rows from (pg_catalog.unnest($1::pg_catalog.text[]), pg_catalog.unnest($2::pg_catalog.oid[])) as t (name, oid)
     where pg_catalog.to_regclass(t.name)::pg_catalog.oid operator(pg_catalog.=) t.oid is not true`,
    [tables.map(({ name }) => name), tables.map(({ oid }) => oid)],
  );
  if (rows.length === 0) return;
  throw new LamplighterError('JOB_CHANGED', `Another table has taken the place of that of embedding job ${jobId}`);
}
