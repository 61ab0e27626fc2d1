import { LamplighterError } from '../../core/errors.ts';
import { type ConnectionSettings, directOf } from '../../db/connection/connection-settings.ts';
import { namesConnection } from '../../db/connection/connection-source.ts';
import { checkLoopback } from '../../db/migrate/loopback.ts';
import { renderPlan } from '../../db/migrate/migrate.ts';
import { type MigrateOptions, planMigration } from '../../db/migrate/migration-plan.ts';
import type { CliCommand, Invocation } from '../cli-command.ts';
import { type CliOption, isOn, listOf, textOf } from '../cli-option.ts';
import { CONNECTION_OPTIONS, connectionFlags, connectionOf } from '../connection-options.ts';
import { EXIT, type ExitCode } from '../exit.ts';
import { migrateDatabase, printReport } from '../migrate-database.ts';
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
const GRANT_MONITOR: CliOption = {
  flag: 'grant-monitor',
  argument: 'role',
  isRepeatable: true,
  describes: 'let this role see the figures of all roles, but no texts',
};
const LOOPBACK: CliOption = {
  flag: 'loopback',
  argument: 'dsn',
  describes: 'how the server connects to this database by dblink, so that one transaction can queue and wait',
};
const ACCEPT_COPY: CliOption = {
  flag: 'accept-copy',
  describes: 'this copy of another database is the working one from now on: doctor and workers stop warning',
};
const SQL: CliOption = { flag: 'sql', describes: 'print the statements instead of running them' };

export const migrateCommand: CliCommand = {
  name: 'migrate',
  summary: 'install or upgrade the schema, and grant its use',
  details:
    'Installs the schema, or brings it up to date, in one transaction; running it again changes nothing. Run it as the role that ' +
    'is to own the objects, usually the owner of the database. Grants by default privileges to other roles are revoked and shown.',
  options: [...CONNECTION_OPTIONS, GRANT, GRANT_WORKER, GRANT_MONITOR, LOOPBACK, ACCEPT_COPY, SQL],
  examples: [
    { command: 'lamplighter migrate --grant app --grant-worker lamp', does: 'for a caller and a worker' },
    {
      command: 'LAMPLIGHTER_LOOPBACK="$(cat loopback.dsn)" lamplighter migrate',
      does: 'let one transaction queue and wait, with a DSN that holds a password',
    },
    { command: 'lamplighter migrate --sql > install.sql', does: 'only look; with a database, what it lacks' },
  ],
  logLevel: 'warn',
  async run(invocation) {
    const options: MigrateOptions = {
      grant: listOf(invocation, GRANT),
      grantWorker: listOf(invocation, GRANT_WORKER),
      grantMonitor: listOf(invocation, GRANT_MONITOR),
      loopbackDsn: textOf(invocation, LOOPBACK),
      acceptCopy: isOn(invocation, ACCEPT_COPY),
    };
    if (isOn(invocation, SQL)) return printPlan(invocation, options);
    const settings = directOf(connectionOf(invocation));
    const { loopbackDsn, ...grants } = options;
    printReport(invocation, settings, await migrateDatabase(invocation, settings, grants));
    if (loopbackDsn !== undefined) await setLoopback(invocation, settings, loopbackDsn);
    return EXIT.done;
  },
};

/** Prints what would be applied; with no database named, the plan of a first installation. */
async function printPlan(invocation: Invocation, options: MigrateOptions): Promise<ExitCode> {
  const { terminal, env } = invocation;
  const isNamed = namesConnection(connectionFlags(invocation), env);
  const plan = isNamed
    ? await withSession(invocation, directOf(connectionOf(invocation)), (session) => planMigration(session, options))
    : await planMigration(undefined, options);
  terminal.print(renderPlan(plan).trimEnd());
  return EXIT.done;
}

/**
 * Tries a loopback connection, and sets it only where it works: one that does not would show only when the first caller waits, and would have
 * taken the place of one that did.
 *
 * @throws LamplighterError LOOPBACK_UNAVAILABLE
 */
async function setLoopback(invocation: Invocation, settings: ConnectionSettings, loopbackDsn: string): Promise<void> {
  const loopback = await withSession(invocation, settings, (session) => checkLoopback(session, loopbackDsn));
  if (loopback.state === 'works') {
    await migrateDatabase(invocation, settings, { loopbackDsn });
    invocation.terminal.print('  set the loopback connection, which works');
    return;
  }
  const notSet = 'The schema is in place; the loopback connection was not set';
  if (loopback.state === 'fails') {
    throw new LamplighterError('LOOPBACK_UNAVAILABLE', `${notSet}, as it does not work: ${loopback.reason}`, {
      hint: 'The database server itself uses the DSN: host and port are as the server sees them. It logs in as the owner of the schema, with a password unless that is a superuser.',
    });
  }
  const isOffered = loopback.state === 'no_dblink' && loopback.isAvailable;
  throw new LamplighterError('LOOPBACK_UNAVAILABLE', `${notSet}, as it needs the extension dblink`, {
    hint: isOffered
      ? 'CREATE EXTENSION dblink; as a superuser, or as your host allows. Then again.'
      : 'This server does not offer dblink: wait in a second transaction.',
  });
}
