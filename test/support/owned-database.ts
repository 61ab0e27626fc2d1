import pg from 'pg';
import { connectClient } from '../../src/db/connection/connect-client.ts';
import { resolveConnection } from '../../src/db/connection/connection-settings.ts';
import { type MigrateReport, migrate } from '../../src/db/migrate/migrate.ts';
import type { MigrateOptions } from '../../src/db/migrate/migration-plan.ts';
import type { Session } from '../../src/db/session.ts';
import { createTestDatabase, type TestDatabase, type TestRole } from './database.ts';

export interface OwnedDatabase extends TestDatabase {
  readonly owner: TestRole;
}

/** An empty database that belongs to a login without superuser rights, as on managed hosts. */
export async function createOwnedDatabase(): Promise<OwnedDatabase> {
  const database = await createTestDatabase({ migrated: false });
  const owner = await database.createRole('owner');
  await database.pool.query(
    `alter database ${pg.escapeIdentifier(database.name)} owner to ${pg.escapeIdentifier(owner.name)}`,
  );
  return { ...database, owner };
}

/** Runs `work` with a session of the product's own kind, and ends it. */
export async function withSession<T>(uri: string, work: (session: Session) => Promise<T>): Promise<T> {
  const session = await connectClient(resolveConnection({ uri }, {}));
  try {
    return await work(session);
  } finally {
    await session.end();
  }
}

/** Migrates as whom the URI logs in. */
export function migrateAs(uri: string, options: MigrateOptions = {}): Promise<MigrateReport> {
  return withSession(uri, (session) => migrate(session, options));
}
