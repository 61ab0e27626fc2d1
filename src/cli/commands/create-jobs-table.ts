import { LamplighterError } from '../../core/errors.ts';
import { isSqlState } from '../../db/sqlstate.ts';
import { runInTransaction } from '../../db/transaction.ts';
import { createJobsTable } from '../../embeddings/jobs/create-jobs-table.ts';
import { createJobsTableText } from '../../embeddings/jobs/job-columns.ts';
import { type JobsTableName, openJobsTable } from '../../embeddings/jobs/jobs-table.ts';
import type { CliCommand, Invocation } from '../cli-command.ts';
import { type CliOption, isOn } from '../cli-option.ts';
import { CONNECTION_OPTIONS, connectionOf } from '../connection-options.ts';
import { JOBS_TABLE_OPTIONS, jobsTableOf } from '../daemon-options.ts';
import { EXIT, type ExitCode } from '../exit.ts';
import { withSession } from '../with-session.ts';

const SQL: CliOption = { flag: 'sql', describes: 'print the statement instead of running it; connects nowhere' };

export const createJobsTableCommand: CliCommand = {
  name: 'create-jobs-table',
  summary: 'create the table of embedding jobs',
  details:
    'Creates a table with the columns that the embedding daemon knows. It belongs to you alone: a role that may write to it decides what the ' +
    'daemon embeds, so nothing is granted. If the table exists, the command only checks for missing columns.',
  options: [...CONNECTION_OPTIONS, ...JOBS_TABLE_OPTIONS, SQL],
  examples: [
    { command: 'lamplighter create-jobs-table', does: 'public.jobs in the database of DATABASE_URL' },
    {
      command: 'lamplighter create-jobs-table --schema app --table embedding_jobs --sql',
      does: 'only show the statement',
    },
  ],
  logLevel: 'warn',
  async run(invocation) {
    const name = jobsTableOf(invocation);
    if (isOn(invocation, SQL)) {
      invocation.terminal.print(`${createJobsTableText(`${quote(name.schema)}.${quote(name.table)}`)};`);
      return EXIT.done;
    }
    return create(invocation, name);
  },
};

async function create(invocation: Invocation, name: JobsTableName): Promise<ExitCode> {
  const { terminal } = invocation;
  return withSession(invocation, connectionOf(invocation), async (session) => {
    try {
      const { quotedName, revoked } = await runInTransaction(session, (transaction) =>
        createJobsTable(transaction, name),
      );
      terminal.print(`${terminal.style.green('Created')} the table ${quotedName}`);
      if (revoked.length > 0) {
        terminal.print(`  Default privileges had let in ${revoked.join(', ')}: revoked.`);
      }
      terminal.print(terminal.style.dim('  Next: lamplighter jobs add --help, and: lantern-cli start-daemon'));
    } catch (error) {
      if (isSqlState(error, 'invalidSchemaName')) {
        throw new LamplighterError('CONFIG_INVALID', `There is no schema "${name.schema}"`, {
          cause: error,
          hint: `Run: create schema ${quote(name.schema)}`,
        });
      }
      if (!isSqlState(error, 'duplicateTable')) throw error;
      const { quotedName } = await openJobsTable(session, name, []);
      terminal.print(`The table ${quotedName} is there already, with all columns that a job needs`);
    }
    return EXIT.done;
  });
}

function quote(identifier: string): string {
  return /^[a-z_][a-z0-9_]*$/.test(identifier) ? identifier : `"${identifier.replaceAll('"', '""')}"`;
}
