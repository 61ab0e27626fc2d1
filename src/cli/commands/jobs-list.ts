import type { CliCommand, Invocation } from '../cli-command.ts';
import { isOn } from '../cli-option.ts';
import { JSON_OPTION } from '../common-options.ts';
import { CONNECTION_OPTIONS } from '../connection-options.ts';
import { JOBS_TABLE_OPTIONS, TRUST_OPTIONS } from '../daemon-options.ts';
import { EXIT } from '../exit.ts';
import { withJobs } from '../jobs/job-access.ts';
import { type JobStatus, readJobStatus } from '../jobs/job-status.ts';
import { printTable } from '../render-table.ts';
import { renderAge } from '../render-units.ts';

export const jobsListCommand: CliCommand = {
  name: 'jobs list',
  summary: 'show the embedding jobs with their progress',
  details: 'Reads the jobs table, and asks the database of each job how far it is.',
  options: [...CONNECTION_OPTIONS, ...JOBS_TABLE_OPTIONS, ...TRUST_OPTIONS, JSON_OPTION],
  examples: [
    { command: 'lamplighter jobs list', does: 'those in public.jobs' },
    { command: "lamplighter jobs list --json | jq '.[].state'", does: 'for a program' },
  ],
  logLevel: 'warn',
  run: (invocation) =>
    withJobs(invocation, async (access) => {
      const jobs: JobStatus[] = [];
      for (const row of access.rows) jobs.push(await readJobStatus(access, row));
      if (isOn(invocation, JSON_OPTION)) invocation.terminal.print(JSON.stringify(jobs));
      else printJobs(invocation, jobs);
      return EXIT.done;
    }),
};

function printJobs({ terminal }: Invocation, jobs: readonly JobStatus[]): void {
  if (jobs.length === 0) {
    terminal.print('There are no embedding jobs; "lamplighter jobs add" makes one');
    return;
  }
  const header = ['id', 'source', 'vectors', 'model', 'state', 'rows', 'queued', 'failed', 'rate', 'left', 'reason'];
  printTable(terminal, header, jobs.map(cellsOf));
}

function cellsOf({ id, source, destination, model, state, reason, progress }: JobStatus): string[] {
  const text = (value: number | undefined) => (value === undefined ? '-' : String(Math.round(value)));
  const left = progress?.etaMs === undefined || state !== 'backfill' ? '-' : renderAge(progress.etaMs);
  const rate = progress?.rate === undefined ? '-' : `${text(progress.rate)}/s`;
  const percent = state === 'backfill' ? progress?.passPercent : undefined;
  const shownState = percent === undefined ? state : `${state} ${Math.floor(percent)} %`;
  const figures = [text(progress?.rows), text(progress?.queued), text(progress?.failed), rate, left];
  return [id, source, destination, model, shownState, ...figures, reason ?? ''];
}
