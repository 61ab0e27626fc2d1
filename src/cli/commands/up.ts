import type { Reading } from '../../core/config/option-values.ts';
import { LamplighterError } from '../../core/errors.ts';
import { directOf } from '../../db/connection/connection-settings.ts';
import { namesConnection } from '../../db/connection/connection-source.ts';
import { describeConnection } from '../../db/connection/connection-text.ts';
import type { CliCommand, Invocation } from '../cli-command.ts';
import { type CliOption, isGivenAsFlag, readOption, textOf } from '../cli-option.ts';
import { CONNECTION_OPTIONS, connectionFlags, connectionOf } from '../connection-options.ts';
import { daemonConfigOf, TRUST_OPTIONS } from '../daemon-options.ts';
import { DASHBOARD_OPTIONS, dashboardAccessOf } from '../dashboard/dashboard-options.ts';
import { DEFAULT_ADDRESS, readListenAddress } from '../dashboard/listen-address.ts';
import { EXIT, type ExitCode } from '../exit.ts';
import { migrateDatabase, printReport } from '../migrate-database.ts';
import { runService } from '../run-service.ts';
import { TASK_LOGIN_OPTIONS } from '../task-login-options.ts';
import { openAll, type UpDashboard, type UpServices } from '../up/open-all.ts';
import { upEmbedded } from '../up/up-embedded.ts';
import { HTTP_OPTION, withProbes } from '../with-probes.ts';
import { WORKER_FLAGS, workerConfigOf } from '../worker-options.ts';

const DATA_DIR: CliOption = {
  flag: 'data-dir',
  argument: 'folder',
  describes: 'where the embedded PostgreSQL keeps its data',
  defaultText: '.lamplighter',
};
const PORT: CliOption = {
  flag: 'port',
  argument: 'port',
  describes: 'port of the embedded PostgreSQL; 0 for any free one',
  defaultText: 'the one it had, at first 5433 or the next free one',
};

const JOBS_TABLE: CliOption = {
  flag: 'jobs-table',
  argument: 'table',
  describes: 'also run an embedding daemon, for the jobs in this table, which is created if missing',
  defaultText: 'none',
};

const DASHBOARD: CliOption = {
  flag: 'dashboard',
  argument: 'address',
  describes: 'where the dashboard listens; off for none',
  defaultText: '127.0.0.1:4600, or any free port',
};

export const upCommand: CliCommand = {
  name: 'up',
  summary: 'run a database with Lamplighter, and a worker',
  details:
    'Without a named database it runs an embedded PostgreSQL, kept in a folder, and prints how to connect. With one, named by a flag or in the ' +
    'environment, it installs or upgrades the schema there. In both cases it then runs a worker, the dashboard, and with --jobs-table an embedding daemon, until it is ' +
    'stopped. --data-dir or --port on the command line choose the embedded one even when the environment names a database.',
  options: [
    DATA_DIR,
    PORT,
    ...CONNECTION_OPTIONS,
    ...WORKER_FLAGS,
    ...TASK_LOGIN_OPTIONS,
    JOBS_TABLE,
    ...TRUST_OPTIONS,
    DASHBOARD,
    ...DASHBOARD_OPTIONS,
    HTTP_OPTION,
  ],
  examples: [
    { command: 'lamplighter up', does: 'embedded, in .lamplighter' },
    { command: 'lamplighter up --data-dir /var/lib/lamplighter --port 5440', does: 'embedded, elsewhere' },
    { command: 'lamplighter up --jobs-table jobs', does: 'with an embedding daemon' },
    {
      command: 'lamplighter up --uri postgresql://owner@db.example.org/app',
      does: 'a database of your own, with the password from the passfile',
    },
  ],
  logLevel: 'info',
  isService: true,
  async run(invocation) {
    const jobsTable = textOf(invocation, JOBS_TABLE);
    const services: Omit<UpServices, 'watch'> = {
      worker: workerConfigOf(invocation),
      daemon: jobsTable === undefined ? undefined : daemonConfigOf(invocation, jobsTable),
      dashboard: dashboardOf(invocation),
    };
    const port = readOption(invocation, PORT, readPort);
    const isOwn = isEmbedded(invocation);
    return withProbes(invocation, async (watch) => {
      if (!isOwn) return upNamed(invocation, { ...services, watch });
      const dataDir = textOf(invocation, DATA_DIR) ?? '.lamplighter';
      return codeOfService(
        invocation,
        await upEmbedded(invocation, { dataDir, port, services: { ...services, watch } }),
      );
    });
  },
};

function dashboardOf(invocation: Invocation): UpDashboard | undefined {
  if (textOf(invocation, DASHBOARD) === 'off') return undefined;
  const asked = readOption(invocation, DASHBOARD, readListenAddress);
  const access = dashboardAccessOf(invocation, asked ?? DEFAULT_ADDRESS, DASHBOARD.flag);
  return { ...access, isAsked: asked !== undefined };
}

function isEmbedded(invocation: Invocation): boolean {
  const flags = connectionFlags(invocation);
  const embeddedFlag = [DATA_DIR, PORT].find((option) => isGivenAsFlag(invocation, option));
  const databaseFlag = CONNECTION_OPTIONS.find((option) => isGivenAsFlag(invocation, option));
  if (embeddedFlag !== undefined && databaseFlag !== undefined) {
    throw new LamplighterError('USAGE', `--${embeddedFlag.flag} and --${databaseFlag.flag} exclude each other`, {
      hint: `--${embeddedFlag.flag} is about the embedded PostgreSQL, --${databaseFlag.flag} about a database of your own.`,
    });
  }
  return embeddedFlag !== undefined || !namesConnection(flags, invocation.env);
}

async function upNamed(invocation: Invocation, services: UpServices): Promise<ExitCode> {
  const settings = connectionOf(invocation);
  const report = await migrateDatabase(invocation, directOf(settings), {});
  printReport(invocation, settings, report);
  invocation.terminal.print(
    `${services.daemon === undefined ? 'A worker runs' : 'A worker and an embedding daemon run'} for ${describeConnection(settings)} (from ${settings.origin}). Ctrl-C stops it.`,
  );
  return codeOfService(invocation, await runService(invocation, await openAll(invocation, settings, services)));
}

/** A service that was asked to end has done its duty; Ctrl-C is told apart for scripts. */
function codeOfService({ interruption }: Invocation, code: ExitCode): ExitCode {
  return code === EXIT.done && interruption.cause === 'SIGINT' ? EXIT.interrupted : code;
}

function readPort(text: string): Reading<number> {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  return value <= 65_535 ? { value } : { expected: 'a port from 0 to 65535' };
}
