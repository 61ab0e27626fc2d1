import pg from 'pg';
import { connectClient } from '../../src/db/connection/connect-client.ts';
import { resolveConnection } from '../../src/db/connection/connection-settings.ts';
import { migrate } from '../../src/db/migrate/migrate.ts';
import { uriOf, withClient } from './admin.ts';

/** The name of the migrated database that test databases are cloned from. */
export function templateName(runPrefix: string): string {
  return `${runPrefix}_template`;
}

export async function createTemplate(serverUri: string, runPrefix: string): Promise<void> {
  const database = templateName(runPrefix);
  await withClient(serverUri, (admin) => admin.query(`create database ${pg.escapeIdentifier(database)}`));
  const session = await connectClient(resolveConnection({ uri: uriOf(serverUri, { database }) }, {}));
  try {
    await migrate(session);
  } finally {
    await session.end();
  }
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
