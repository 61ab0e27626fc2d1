import type { JobRow } from '../../../src/dashboard/api.ts';
import { showCount, showPercent } from '../format/numbers.ts';

/** How many of the rows have their vector, in percent; before rows are counted, how much of the table was looked at. */
export function jobPercent({ rows, embedded, passPercent, state }: JobRow): number {
  if (rows === undefined || embedded === undefined) return passPercent ?? (state === 'live' ? 100 : 0);
  return rows === 0 ? 100 : Math.min(100, (embedded / rows) * 100);
}

/** Of all rows: embedded, stale, failed, and what is still to come. */
export function JobBar({ job }: { readonly job: JobRow }) {
  const percent = jobPercent(job);
  const shareOf = (count: number | undefined) =>
    job.rows === undefined || job.rows === 0 ? 0 : Math.min(100, ((count ?? 0) / job.rows) * 100);
  const stale = Math.min(percent, shareOf(job.stale));
  const failed = Math.min(100 - percent, shareOf(job.failed));
  return (
    <div
      class="bar"
      role="progressbar"
      aria-label={`Embedded rows of ${job.table}`}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.floor(percent)}
      title={`${showPercent(percent)} embedded, ${showCount(job.stale ?? 0)} stale, ${showCount(job.failed)} failed`}
    >
      <div class="bar-good" style={{ width: `${percent - stale}%` }} />
      <div class="bar-stale" style={{ width: `${stale}%` }} />
      <div class="bar-bad" style={{ width: `${failed === 0 ? 0 : Math.max(0.5, failed)}%` }} />
    </div>
  );
}
