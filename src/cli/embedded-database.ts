import type { ConnectionSettings } from '../db/connection-settings.ts';
import { toKeywordValueDsn } from '../db/connection-text.ts';
import {
  type EmbeddedServer,
  type EmbeddedServerOptions,
  startEmbeddedServer,
} from '../db/embedded/embedded-server.ts';
import { type MigrateReport, migrate } from '../db/migrate/migrate.ts';
import type { Invocation } from './cli-command.ts';
import { withSession } from './with-session.ts';

export interface EmbeddedDatabase {
  readonly server: EmbeddedServer;
  readonly settings: ConnectionSettings;
  readonly migration: MigrateReport;
}

/**
 * Starts an embedded server whose database has the schema, and in which one transaction can queue and wait. Its owner stops the server.
 *
 * @throws LamplighterError EMBEDDED_MISSING, EMBEDDED_IN_USE, EMBEDDED_FAILED, PORT_TAKEN, and what `migrate` throws.
 */
export async function openEmbeddedDatabase(
  invocation: Invocation,
  options: Pick<EmbeddedServerOptions, 'dataDir' | 'port' | 'settings' | 'persistent'>,
): Promise<EmbeddedDatabase> {
  const { log, interruption } = invocation;
  const server = await startEmbeddedServer({ ...options, log, signal: interruption.first });
  try {
    const { host, port, user, password } = server;
    const settings: ConnectionSettings = { host, port, user, password, database: 'postgres' };
    const migration = await withSession(invocation, settings, async (session) => {
      await session.query('create extension if not exists dblink');
      return migrate(session, { loopbackDsn: toKeywordValueDsn(settings) });
    });
    return { server, settings, migration };
  } catch (error) {
    await server.stop();
    throw error;
  }
}
