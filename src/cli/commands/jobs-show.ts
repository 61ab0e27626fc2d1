import { toPrintable } from '../../core/printable.ts';
import type { CliCommand } from '../cli-command.ts';
import { isOn } from '../cli-option.ts';
import { JSON_OPTION } from '../common-options.ts';
import { CONNECTION_OPTIONS } from '../connection-options.ts';
import { JOBS_TABLE_OPTIONS, TRUST_OPTIONS } from '../daemon-options.ts';
import { EXIT } from '../exit.ts';
import { requireJob, withJobs } from '../jobs/job-access.ts';
import { readJobStatus } from '../jobs/job-status.ts';
import { printTable } from '../render-table.ts';
import { renderAge } from '../render-units.ts';

/** So many failed rows are listed. */
const SHOWN_FAILURES = 20;

export const jobsShowCommand: CliCommand = {
  name: 'jobs show',
  summary: 'show one embedding job, and rows that failed',
  details: 'Shows everything about a job, and the rows that could not be embedded, with the reason.',
  argument: { name: 'id', describes: 'id of the job in the jobs table' },
  options: [...CONNECTION_OPTIONS, ...JOBS_TABLE_OPTIONS, ...TRUST_OPTIONS, JSON_OPTION],
  examples: [{ command: 'lamplighter jobs show 7', does: 'one job' }],
  logLevel: 'warn',
  run: (invocation) =>
    withJobs(invocation, async (access) => {
      const { terminal } = invocation;
      const row = requireJob(access, invocation);
      const { progress, ...job } = await readJobStatus(access, row);
      const failures =
        progress === undefined || progress.failed === 0
          ? []
          : await access.inTarget(row, async (db, registered) => {
              const { rows } = await db.query<{ key: string; attempts: number; error: string }>(
                `select f.key, f.attempts, f.error from lamplighter.embedding_failures as f
                 where f.job = $1 and f.is_final order by f.last_failed_at desc limit $2`,
                [registered?.id, SHOWN_FAILURES],
              );
              return rows;
            });
      if (isOn(invocation, JSON_OPTION)) {
        terminal.print(JSON.stringify({ ...job, progress, failures }));
        return EXIT.done;
      }
      const lines = Object.entries({ ...job, ...progress, state: job.state, reason: job.reason }).flatMap(
        ([name, value]) => (value === undefined ? [] : [lineOf(name, value)]),
      );
      const width = Math.max(...lines.map(([label]) => label.length));
      for (const [label, text] of lines) {
        terminal.print(`${terminal.style.dim(label.padEnd(width))}  ${toPrintable(text)}`);
      }
      if (failures.length > 0) {
        terminal.print(`\n${terminal.style.bold('Failed rows')}`);
        const cells = failures.map(({ key, attempts, error }) => [key, String(attempts), error]);
        printTable(terminal, ['key', 'tries', 'error'], cells, '  ');
      }
      return EXIT.done;
    }),
};

/** A figure for people, by the name that programs have it under. */
function lineOf(name: string, value: string | number | Date): readonly [label: string, text: string] {
  const label = name.replace(/Ms$/, '').replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
  if (value instanceof Date) return [label, value.toISOString()];
  if (name.endsWith('Ms')) return [label, renderAge(Number(value))];
  if (name.endsWith('Percent')) return [label, `${value} %`];
  return [label, /rate$/i.test(name) ? `${value}/s` : String(value)];
}
