import { createHash } from 'node:crypto';
import type { Queryable } from '../../db/query.ts';
import { isSqlState } from '../../db/sqlstate.ts';
import type { JobsTable } from './jobs-table.ts';

export interface ControlId {
  /** The name for jobs in the database of the jobs table itself: the same after a restore of a dump, which has both. */
  readonly local: string;
  /** The name for jobs in other databases: another one for a copy of the jobs table, which must not be taken for the same. */
  readonly global: string;
  /** The database of the jobs table, as `readDatabaseId` names it. */
  readonly database: string | undefined;
}

/** What names a jobs table in the databases whose tables its jobs are about. No secret, and nothing that tells where the table is. */
export async function readControlId(db: Queryable, { oid, quotedName }: JobsTable): Promise<ControlId> {
  const { system, name, database } = await readDatabase(db);
  const digest = createHash('sha256')
    .update(JSON.stringify([system, { name, database }, oid]))
    .digest('hex')
    .slice(0, 32);
  return { local: `local/${quotedName}`, global: digest, database: idOf(system, database) };
}

/**
 * The same for two connections when they lead to one database, however they name it; undefined where the host does not tell. A copy of a
 * server's files has the same, too.
 */
export async function readDatabaseId(db: Queryable): Promise<string | undefined> {
  const { system, database } = await readDatabase(db);
  return idOf(system, database);
}

function idOf(system: string, database: string): string | undefined {
  return system === '' ? undefined : `${system}/${database}`;
}

async function readDatabase(db: Queryable): Promise<{ system: string; name: string; database: string }> {
  const { rows } = await db.query<{ name: string; database: string }>(
    'select pg_catalog.current_database()::text as name, d.oid::text as database from pg_catalog.pg_database as d where d.datname = pg_catalog.current_database()',
  );
  const [row] = rows;
  if (row === undefined) throw new Error('a session without a database');
  return { system: await readSystemId(db), ...row };
}

/** The identifier of the server's data, copies included; some hosts let nobody read it. */
async function readSystemId(db: Queryable): Promise<string> {
  try {
    const { rows } = await db.query<{ id: string }>(
      'select system_identifier::text as id from pg_catalog.pg_control_system()',
    );
    return rows[0]?.id ?? '';
  } catch (error) {
    if (isSqlState(error, 'insufficientPrivilege') || isSqlState(error, 'undefinedFunction')) return '';
    throw error;
  }
}
