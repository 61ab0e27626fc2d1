import type { Reading } from '../../core/config/option-values.ts';
import { LamplighterError } from '../../core/errors.ts';
import { directOf } from '../../db/connection-settings.ts';
import { namesConnection } from '../../db/connection-source.ts';
import { describeConnection } from '../../db/connection-text.ts';
import type { CliCommand, Invocation } from '../cli-command.ts';
import { type CliOption, isGivenAsFlag, readOption, textOf } from '../cli-option.ts';
import { CONNECTION_OPTIONS, connectionFlags, connectionOf } from '../connection-options.ts';
import { EXIT, type ExitCode } from '../exit-code.ts';
import { migrateDatabase, printReport } from '../migrate-database.ts';
import { openWorker } from '../open-worker.ts';
import { runService } from '../run-service.ts';
import { TASK_LOGIN_OPTIONS } from '../task-login-options.ts';
import { upEmbedded } from '../up/up-embedded.ts';
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

export const upCommand: CliCommand = {
  name: 'up',
  summary: 'run a database with Lamplighter, and a worker',
  details:
    'With no database named it runs an embedded PostgreSQL, kept in a folder, and prints how to connect. With one, in a flag or in the ' +
    'environment, it installs or upgrades the schema there. Either way it then runs a worker until it is stopped. --data-dir or --port ' +
    'on the command line choose the embedded one even when the environment names a database.',
  options: [DATA_DIR, PORT, ...CONNECTION_OPTIONS, ...WORKER_FLAGS, ...TASK_LOGIN_OPTIONS],
  examples: [
    { command: 'lamplighter up', does: 'embedded, in .lamplighter' },
    { command: 'lamplighter up --data-dir /var/lib/lamplighter --port 5440', does: 'embedded, elsewhere' },
    { command: 'lamplighter up --uri postgresql://owner:secret@db.example.org/app', does: 'a database of your own' },
  ],
  logLevel: 'info',
  async run(invocation) {
    const worker = workerConfigOf(invocation);
    const port = readOption(invocation, PORT, readPort);
    if (!isEmbedded(invocation)) return upNamed(invocation, worker);
    const code = await upEmbedded(invocation, {
      dataDir: textOf(invocation, DATA_DIR) ?? '.lamplighter',
      port,
      worker,
    });
    return codeOfService(invocation, code);
  },
};

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

async function upNamed(invocation: Invocation, worker: ReturnType<typeof workerConfigOf>): Promise<ExitCode> {
  const settings = connectionOf(invocation);
  const report = await migrateDatabase(invocation, directOf(settings), {});
  printReport(invocation, settings, report);
  invocation.terminal.print(
    `A worker runs for ${describeConnection(settings)} (from ${settings.origin}). Ctrl-C stops it.`,
  );
  return codeOfService(invocation, await runService(invocation, await openWorker(invocation, { settings, ...worker })));
}

/** A service that was asked to end has done its duty; Ctrl-C is told apart for scripts. */
function codeOfService({ interruption }: Invocation, code: ExitCode): ExitCode {
  return code === EXIT.done && interruption.cause === 'SIGINT' ? EXIT.interrupted : code;
}

function readPort(text: string): Reading<number> {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  return value <= 65_535 ? { value } : { expected: 'a port from 0 to 65535' };
}
