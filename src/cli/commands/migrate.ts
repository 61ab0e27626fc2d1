import { LamplighterError } from '../../core/errors.ts';
import { type ConnectionSettings, directOf } from '../../db/connection-settings.ts';
import { namesConnection } from '../../db/connection-source.ts';
import { describeConnection } from '../../db/connection-text.ts';
import { checkLoopback } from '../../db/migrate/loopback.ts';
import { type MigrateReport, migrate, renderPlan } from '../../db/migrate/migrate.ts';
import { type MigrateOptions, planMigration } from '../../db/migrate/migration-plan.ts';
import type { Session } from '../../db/session.ts';
import type { CliCommand, Invocation } from '../cli-command.ts';
import { type CliOption, isOn, listOf, textOf } from '../cli-option.ts';
import { CONNECTION_OPTIONS, connectionFlags, connectionOf } from '../connection-options.ts';
import { EXIT, type ExitCode } from '../exit-code.ts';
import { findRoute } from '../find-route.ts';
import { withSession } from '../with-session.ts';

const GRANT: CliOption = {
  flag: 'grant',
  argument: 'role',
  isRepeatable: true,
  describes: 'let this role queue requests and use its own',
};
const GRANT_WORKER: CliOption = {
  flag: 'grant-worker',
  argument: 'role',
  isRepeatable: true,
  describes: 'let this login run workers',
};
const LOOPBACK: CliOption = {
  flag: 'loopback',
  argument: 'dsn',
  describes: 'how the server reaches this database through dblink, so that one transaction can queue and wait',
};
const SQL: CliOption = { flag: 'sql', describes: 'print the statements instead of running them' };

export const migrateCommand: CliCommand = {
  name: 'migrate',
  summary: 'install or upgrade the schema, and grant its use',
  details:
    'Installs the schema, or brings it up to date, in one transaction; running it again changes nothing. Run it as the role that ' +
    'is to own the objects, usually the owner of the database. What default privileges gave to other roles is taken back and shown.',
  options: [...CONNECTION_OPTIONS, GRANT, GRANT_WORKER, LOOPBACK, SQL],
  examples: [
    { command: 'lamplighter migrate --grant app --grant-worker lamp', does: 'for a caller and a worker' },
    {
      command: "lamplighter migrate --loopback 'host=localhost dbname=app user=owner password=secret'",
      does: 'let one transaction queue and wait',
    },
    { command: 'lamplighter migrate --sql > install.sql', does: 'only look; with a database, what it lacks' },
  ],
  logLevel: 'warn',
  async run(invocation) {
    const options: MigrateOptions = {
      grant: listOf(invocation, GRANT),
      grantWorker: listOf(invocation, GRANT_WORKER),
      loopbackDsn: textOf(invocation, LOOPBACK),
    };
    if (isOn(invocation, SQL)) return printPlan(invocation, options);
    const settings = directOf(connectionOf(invocation));
    return withSession(invocation, settings, async (session) => {
      await refuseTransactionPooler(invocation, settings, session);
      const report = await migrate(session, options);
      printReport(invocation, settings, report);
      if (options.loopbackDsn !== undefined) await tryLoopback(invocation, session);
      return EXIT.done;
    });
  },
};

/** With no database named the plan is that of a first installation. */
async function printPlan(invocation: Invocation, options: MigrateOptions): Promise<ExitCode> {
  const { terminal, env } = invocation;
  const isNamed = namesConnection(connectionFlags(invocation), env);
  const plan = isNamed
    ? await withSession(invocation, directOf(connectionOf(invocation)), (session) => planMigration(session, options))
    : await planMigration(undefined, options);
  terminal.print(renderPlan(plan).trimEnd());
  return EXIT.done;
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

function printReport(
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

/** A connection that does not work would show only when the first caller waits. */
async function tryLoopback({ terminal }: Invocation, session: Session): Promise<void> {
  const loopback = await checkLoopback(session);
  if (loopback.state === 'no_dblink') {
    const mend = loopback.isAvailable ? 'CREATE EXTENSION dblink;' : 'This server does not offer the extension dblink.';
    terminal.print(
      `  ${terminal.style.yellow(`the loopback connection needs dblink, which is not installed. ${mend}`)}`,
    );
  } else if (loopback.state === 'fails') {
    throw new LamplighterError(
      'LOOPBACK_UNAVAILABLE',
      `The schema is in place, but its loopback connection does not work: ${loopback.reason}`,
      {
        hint: 'The server itself uses the DSN: host and port are as seen from there. It must hold the password of the owner.',
      },
    );
  }
}
