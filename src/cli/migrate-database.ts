import { LamplighterError } from '../core/errors.ts';
import { toPrintable } from '../core/printable.ts';
import { showValue } from '../core/show-value.ts';
import type { ConnectionSettings } from '../db/connection/connection-settings.ts';
import { describeConnection } from '../db/connection/connection-text.ts';
import { type MigrateReport, migrate } from '../db/migrate/migrate.ts';
import type { LockHolder } from '../db/migrate/migration-lock.ts';
import type { MigrateOptions } from '../db/migrate/migration-plan.ts';
import type { Session } from '../db/session.ts';
import type { Invocation } from './cli-command.ts';
import { findRoute } from './find-route.ts';
import { withSession } from './with-session.ts';

/**
 * Installs or upgrades the schema over its own connection. If it waits for another migration, it prints which one.
 *
 * @throws LamplighterError CONFIG_INVALID behind a transaction pooler, and what `migrate` throws.
 */
export async function migrateDatabase(
  invocation: Invocation,
  settings: ConnectionSettings,
  options: MigrateOptions,
): Promise<MigrateReport> {
  return withSession(invocation, settings, async (session) => {
    await refuseTransactionPooler(invocation, settings, session);
    return migrate(session, options, (holder) => sayWait(invocation, holder));
  });
}

function sayWait({ terminal }: Invocation, holder: LockHolder | undefined): void {
  const named = holder && `role ${toPrintable(showValue(holder.username))} (process ${holder.pid} of the server)`;
  terminal.printError(
    named === undefined
      ? 'Waiting for another migration of this database to end'
      : `Waiting for ${named}, which is migrating this database too. If it is not: SELECT pg_terminate_backend(${holder?.pid})`,
  );
}

/** The lock and the transaction of a migration need one server session from beginning to end. */
async function refuseTransactionPooler(
  invocation: Invocation,
  settings: ConnectionSettings,
  session: Session,
): Promise<void> {
  if ((await findRoute(invocation, settings, session)) !== 'transaction-pooled') return;
  throw new LamplighterError('CONFIG_INVALID', `A transaction pooler is in front of ${describeConnection(settings)}`, {
    hint: 'Give the address of the server itself with --direct-uri.',
  });
}

/** Says what a migration did, and what default privileges had given and lost. */
export function printReport(
  { terminal }: Invocation,
  settings: ConnectionSettings,
  { fromVersion, toVersion, steps, notes }: MigrateReport,
): void {
  const { style } = terminal;
  const place = describeConnection(settings);
  if (fromVersion === 0) terminal.print(`${style.green('Installed')} schema version ${toVersion} in ${place}`);
  else if (fromVersion < toVersion) {
    terminal.print(`${style.green('Upgraded')} ${place} from schema version ${fromVersion} to ${toVersion}`);
  } else terminal.print(`Schema version ${toVersion} is up to date in ${place}`);
  for (const title of steps) terminal.print(`  ${title}`);
  for (const note of notes) terminal.print(`  ${style.yellow(note)}`);
}
