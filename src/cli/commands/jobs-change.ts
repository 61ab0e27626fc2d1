import { LamplighterError } from '../../core/errors.ts';
import type { Queryable } from '../../db/query.ts';
import { SQLSTATE, sqlStateOf } from '../../db/sqlstate.ts';
import { cancelText, resumeText } from '../../embeddings/jobs/cancel-row.ts';
import type { RegisteredJob } from '../../embeddings/list-jobs.ts';
import { retryFailures } from '../../embeddings/retry-failures.ts';
import { recordAudit } from '../../operations/record-audit.ts';
import type { CliCommand, Invocation } from '../cli-command.ts';
import { CONNECTION_OPTIONS } from '../connection-options.ts';
import { JOBS_TABLE_OPTIONS, TRUST_OPTIONS } from '../daemon-options.ts';
import { EXIT, type ExitCode } from '../exit.ts';
import { type JobAccess, requireJob, withJobs } from '../jobs/job-access.ts';

const ARGUMENT = { name: 'id', describes: 'id of the job in the jobs table' };
const OPTIONS = [...CONNECTION_OPTIONS, ...JOBS_TABLE_OPTIONS, ...TRUST_OPTIONS];

interface Change {
  readonly name: string;
  readonly summary: string;
  readonly details: string;
  readonly does: string;
  run(access: JobAccess, invocation: Invocation): Promise<string>;
}

function commandOf({ name, summary, details, does, run }: Change): CliCommand {
  return {
    name: `jobs ${name}`,
    summary,
    details,
    argument: ARGUMENT,
    options: OPTIONS,
    examples: [{ command: `lamplighter jobs ${name} 7`, does }],
    logLevel: 'warn',
    run: (invocation): Promise<ExitCode> =>
      withJobs(invocation, async (access) => {
        invocation.terminal.print(await run(access, invocation));
        return EXIT.done;
      }),
  };
}

export const jobsCancelCommand = commandOf({
  name: 'cancel',
  summary: 'cancel an embedding job',
  details: 'Sets canceled_at: work stops at once, and its triggers go. The column with its vectors stays.',
  does: 'stop it for good',
  async run(access, invocation) {
    const { id } = requireJob(access, invocation);
    await access.db.query(cancelText(access.table), [id]);
    await audit(access.db, 'cancel', id);
    return `The job ${id} is cancelled; "lamplighter jobs resume ${id}" takes it up again`;
  },
});

export const jobsPauseCommand = commandOf({
  name: 'pause',
  summary: 'stop an embedding job for a while',
  details: 'The same as cancel: a full pass after "jobs resume" finds the changes in between.',
  does: 'stop it for a while',
  async run(access, invocation) {
    const { id } = requireJob(access, invocation);
    await access.db.query(cancelText(access.table), [id]);
    await audit(access.db, 'pause', id);
    return `The job ${id} is paused; "lamplighter jobs resume ${id}" takes it up again`;
  },
});

export const jobsResumeCommand = commandOf({
  name: 'resume',
  summary: 'continue a paused or cancelled embedding job',
  details: 'Clears canceled_at: the job goes on and catches up with all changes.',
  does: 'go on with it',
  async run(access, invocation) {
    const { id } = requireJob(access, invocation);
    await access.db.query(resumeText(access.table), [id]);
    await audit(access.db, 'resume', id);
    return `The job ${id} goes on`;
  },
});

export const jobsResyncCommand = commandOf({
  name: 'resync',
  summary: 'compare all rows of an embedding job with their vectors',
  details: 'Asks for a full pass, which finds rows without a vector and vectors of other texts, whatever the cause.',
  does: 'look at every row',
  run: (access, invocation) =>
    inRegistered(access, invocation, async (db, { id, jobId }) => {
      await db.query('select lamplighter.reconcile_embeddings($1)', [id]);
      await audit(db, 'resync', jobId);
      return 'A full pass begins within seconds';
    }),
});

export const jobsRetryFailuresCommand = commandOf({
  name: 'retry-failures',
  summary: 'retry rows that have failed for good',
  details:
    'The daemon no longer tries rows that failed five times. This command retries them, once you have fixed the cause.',
  does: 'try its failed rows again',
  run: (access, invocation) =>
    inRegistered(access, invocation, async (db, { id, jobId }) => {
      const count = await retryFailures(db, id);
      await audit(db, 'retry failures', jobId, count);
      return `${count} ${count === 1 ? 'row is' : 'rows are'} tried again`;
    }),
});

async function inRegistered(
  access: JobAccess,
  invocation: Invocation,
  work: (db: Queryable, job: RegisteredJob) => Promise<string>,
): Promise<string> {
  const row = requireJob(access, invocation);
  return access.inTarget(row, async (db, registered) => {
    if (registered === undefined) {
      throw new LamplighterError('USAGE', `No daemon has taken up the job ${row.id} yet`, {
        hint: 'Run: lantern-cli start-daemon',
      });
    }
    return work(db, registered);
  });
}

/** Without the product in that database, as where jobs only name others, or for a role that may not use it, nothing is written. */
const NOT_AUDITED: readonly (string | undefined)[] = [
  SQLSTATE.invalidSchemaName,
  SQLSTATE.undefinedTable,
  SQLSTATE.insufficientPrivilege,
];

async function audit(db: Queryable, action: string, jobId: string, count = 1): Promise<void> {
  const entry = { action, kind: 'jobs', filter: { job_id: jobId }, count };
  await recordAudit(db, { source: 'command line' }, entry).catch((error: unknown) => {
    if (!NOT_AUDITED.includes(sqlStateOf(error))) throw error;
  });
}
