import pg from 'pg';
import { loadMigrations } from '../../src/db/load-sql.ts';
import { uriOf, withClient } from './admin.ts';

/** The name of the migrated database that test databases are cloned from. */
export function templateName(runPrefix: string): string {
  return `${runPrefix}_template`;
}

export async function createTemplate(serverUri: string, runPrefix: string): Promise<void> {
  const database = templateName(runPrefix);
  await withClient(serverUri, (admin) => admin.query(`create database ${pg.escapeIdentifier(database)}`));
  await withClient(uriOf(serverUri, { database }), async (client) => {
    for (const migration of loadMigrations()) await client.query(migration.text);
  });
}

/** Drops what tests of this run did not drop themselves, and the template: a server of the user's own stays as it was. */
export async function dropLeftovers(serverUri: string, runPrefix: string): Promise<void> {
  await withClient(serverUri, async (admin) => {
    const databases = await admin.query<{ name: string }>(
      'select datname as name from pg_database where starts_with(datname, $1)',
      [runPrefix],
    );
    for (const { name } of databases.rows) await admin.query(`drop database ${pg.escapeIdentifier(name)} with (force)`);
    const roles = await admin.query<{ name: string }>(
      'select rolname as name from pg_roles where starts_with(rolname, $1)',
      [runPrefix],
    );
    for (const { name } of roles.rows) await admin.query(`drop role ${pg.escapeIdentifier(name)}`);
  });
}
