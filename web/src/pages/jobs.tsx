import type { JobRow } from '../../../src/dashboard/api.ts';
import { showAtLeast, showCompact, showCount, showPercent } from '../format/numbers.ts';
import { showSpan } from '../format/times.ts';
import { Link } from '../navigation/link.tsx';
import { Command } from '../parts/command.tsx';
import { Icon } from '../parts/icon.tsx';
import { PageHead } from '../parts/page-head.tsx';
import { Empty, Failure, Loading } from '../parts/situation.tsx';
import { StateMark } from '../parts/state-mark.tsx';
import { useAnswer } from '../server/use-answer.ts';
import { JobBar, jobPercent } from './job-bar.tsx';

const EXAMPLE =
  'lamplighter jobs add --source-table article --src-column body --dst-column embedding --model BAAI/bge-small-en';

export function JobsPage() {
  const answer = useAnswer<readonly JobRow[]>('jobs', ['jobs'], {
    everyMs: (rows) => (rows.some((row) => jobPercent(row) < 100 || row.queued > 0) ? 1000 : 5000),
  });
  const { data } = answer;
  return (
    <>
      <PageHead
        title="Embedding jobs"
        tab="Embedding jobs"
        beside={data === undefined ? null : <span class="page-count">{showCount(data.length)}</span>}
      />
      <Failure answer={answer} />
      {data === undefined ? (
        answer.refusal === undefined ? (
          <div class="card">
            <Loading lines={6} />
          </div>
        ) : null
      ) : data.length === 0 ? (
        <div class="card">
          <Empty title="No embedding jobs">
            <p>A job keeps a column of vectors in step with a column of texts:</p>
            <Command text={EXAMPLE} />
          </Empty>
        </div>
      ) : (
        <ul class="jobs">
          {data.map((job) => (
            <li key={job.id}>
              <JobCard job={job} />
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

function JobCard({ job }: { readonly job: JobRow }) {
  const percent = jobPercent(job);
  const isCounted = job.rows !== undefined && job.embedded !== undefined;
  return (
    <article class="card job" aria-label={`Job ${job.table} ${job.sourceColumn}`}>
      <header class="job-head">
        <h2 class="job-name">
          <Link to={`jobs/${encodeURIComponent(job.id)}`} class="stretched">
            <span class="strong">{job.table}</span>
            <span class="mono">
              {job.sourceColumn} <Icon name="right" /> {job.destination}
            </span>
          </Link>
        </h2>
        <StateMark state={job.state} />
      </header>
      <p class="job-model soft mono">
        {job.formerModel === undefined ? null : (
          <>
            <span class="former">{job.formerModel}</span> <Icon name="right" />{' '}
          </>
        )}
        {job.model} · {job.dimensions}
      </p>
      <JobBar job={job} />
      <p class="job-bar-note">
        {isCounted ? (
          <span class="number">
            {showCount(job.embedded ?? 0)}
            <span class="soft"> of {showCount(job.rows ?? 0)} rows</span>
          </span>
        ) : (
          <span class="soft">Rows are counted at the end</span>
        )}
        <span class="number soft">
          {percent < 100 ? showPercent(percent) : ''}
          {isCounted && percent < 100 && job.etaMs !== undefined ? `, ${showSpan(job.etaMs)} left` : ''}
        </span>
      </p>
      <dl class="job-figures">
        <JobFigure name="Rate" value={job.rate === undefined ? undefined : `${showCompact(Math.round(job.rate))}/s`} />
        <JobFigure name="Lag" value={job.lagMs === undefined ? undefined : showSpan(job.lagMs)} />
        <JobFigure name="Queued" value={showAtLeast(job.queued, job.isExact)} />
        <JobFigure name="Stale" value={job.stale === undefined ? undefined : showCompact(job.stale)} />
        <JobFigure name="Failed" value={showAtLeast(job.failed, job.isExact)} isBad={job.failed > 0} />
      </dl>
      {job.reason === undefined && job.lastError === undefined ? null : (
        <p class="cell-error job-error" title={job.lastError ?? job.reason}>
          {(job.reason ?? job.lastError)?.split('\n', 1)[0]}
        </p>
      )}
    </article>
  );
}

function JobFigure({
  name,
  value,
  isBad,
}: {
  readonly name: string;
  readonly value?: string | undefined;
  readonly isBad?: boolean;
}) {
  return (
    <div>
      <dt>{name}</dt>
      <dd class={isBad === true ? 'number bad' : 'number'}>{value ?? <span class="nothing">–</span>}</dd>
    </div>
  );
}
