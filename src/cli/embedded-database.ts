import { type ErrorCode, isLamplighterError, LamplighterError } from '../core/errors.ts';
import type { ConnectionSettings } from '../db/connection/connection-settings.ts';
import { toKeywordValueDsn } from '../db/connection/connection-text.ts';
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

/** What to do about an error, in terms of the command that ran into it. */
export type EmbeddedHints = Partial<Readonly<Record<ErrorCode, string>>>;

/**
 * Starts an embedded server whose database has the schema, and in which one transaction can queue and wait. Its owner stops the server.
 *
 * @throws LamplighterError EMBEDDED_MISSING, EMBEDDED_IN_USE, EMBEDDED_FAILED, PORT_TAKEN, and what `migrate` throws.
 */
export async function openEmbeddedDatabase(
  invocation: Invocation,
  options: Pick<EmbeddedServerOptions, 'dataDir' | 'port' | 'settings' | 'persistent'>,
  hints: EmbeddedHints,
): Promise<EmbeddedDatabase> {
  const server = await startServer(invocation, options, hints);
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

async function startServer(
  { log, interruption }: Invocation,
  options: EmbeddedServerOptions,
  hints: EmbeddedHints,
): Promise<EmbeddedServer> {
  try {
    return await startEmbeddedServer({ ...options, log, signal: interruption.first });
  } catch (error) {
    const hint = isLamplighterError(error) ? hints[error.code] : undefined;
    if (!isLamplighterError(error) || hint === undefined) throw error;
    throw new LamplighterError(error.code, error.message, { cause: error, hint });
  }
}
