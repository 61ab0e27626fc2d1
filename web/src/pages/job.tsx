import { useState } from 'preact/hooks';
import type { ActionOutcome, JobFailure, JobRow, Page } from '../../../src/dashboard/api.ts';
import { tell } from '../actions/act.ts';
import { showCount, showPercent } from '../format/numbers.ts';
import { showSpan } from '../format/times.ts';
import { pathWith, usePlace } from '../navigation/place.ts';
import { Facts } from '../parts/facts.tsx';
import { Icon } from '../parts/icon.tsx';
import { Meter } from '../parts/meter.tsx';
import { PageHead } from '../parts/page-head.tsx';
import { Pager } from '../parts/pager.tsx';
import { Empty, Failure, Loading } from '../parts/situation.tsx';
import { StateMark } from '../parts/state-mark.tsx';
import { type Column, Table } from '../parts/table.tsx';
import { TextBlock } from '../parts/text-block.tsx';
import { Ago, ExactTime } from '../parts/time.tsx';
import { ask } from '../server/ask.ts';
import { useMay } from '../server/session.ts';
import { useAnswer } from '../server/use-answer.ts';
import { JobBar, jobPercent } from './job-bar.tsx';

const PARENT = { to: 'jobs', name: 'Embedding jobs' };

async function retry(id: string, ids: readonly string[] | undefined): Promise<void> {
  await tell('queued again', 'row', () =>
    ask<ActionOutcome>(`jobs/${encodeURIComponent(id)}/retry-failures`, { body: ids === undefined ? {} : { ids } }),
  );
}

export function JobPage({ id }: { readonly id: string }) {
  const answer = useAnswer<JobRow>(`jobs/${encodeURIComponent(id)}`, ['jobs'], {
    everyMs: (row) => (jobPercent(row) < 100 || row.queued > 0 ? 1000 : 5000),
  });
  const mayRetry = useMay('operate');
  const { data } = answer;
  return (
    <>
      <PageHead
        title={data === undefined ? id : `${data.table}.${data.sourceColumn}`}
        tab={data === undefined ? 'Embedding job' : `${data.table}.${data.sourceColumn}`}
        parent={PARENT}
        beside={data === undefined ? null : <StateMark state={data.state} />}
      >
        {data !== undefined && data.failed > 0 && mayRetry ? (
          <button
            type="button"
            class="button"
            data-key="r"
            aria-keyshortcuts="r"
            onClick={() => void retry(id, undefined).then(answer.reload)}
          >
            <Icon name="retry" /> Retry all that failed
          </button>
        ) : null}
      </PageHead>
      <Failure answer={answer} />
      {data === undefined ? answer.refusal === undefined ? <Loading lines={10} /> : null : <Detail job={data} />}
    </>
  );
}

function Detail({ job }: { readonly job: JobRow }) {
  const percent = jobPercent(job);
  const isCounted = job.rows !== undefined && job.embedded !== undefined;
  return (
    <div class="detail">
      <div class="detail-main">
        <section class="card progress-card" aria-label="Backfill">
          <div class="progress-line">
            {isCounted ? (
              <span>
                <span class="strong number">{showCount(job.embedded ?? 0)}</span>
                <span class="soft"> of {showCount(job.rows ?? 0)} rows embedded</span>
              </span>
            ) : (
              <span class="soft">Rows are counted when the table is complete</span>
            )}
            <span class="number">
              {showPercent(percent)}
              {!isCounted || percent === 100 || job.etaMs === undefined ? null : (
                <span class="soft">, about {showSpan(job.etaMs)} left</span>
              )}
            </span>
          </div>
          <JobBar job={job} />
          <p class="bar-legend">
            <span class="swatch swatch-good">current</span>
            <span class="swatch swatch-stale">stale {job.stale === undefined ? '' : showCount(job.stale)}</span>
            <span class="swatch swatch-bad">failed {showCount(job.failed)}</span>
            <span class="swatch swatch-rest">to come</span>
          </p>
          {job.formerModel === undefined ? null : (
            <p class="model-change">
              <span class="former mono">{job.formerModel}</span> <Icon name="right" />{' '}
              <span class="mono">{job.model}</span>
              <span class="soft"> Vectors of the former model are used until all are replaced.</span>
            </p>
          )}
        </section>
        {job.reason === undefined && job.lastError === undefined ? null : (
          <TextBlock title="Error" text={job.lastError ?? job.reason ?? ''} kind="error" />
        )}
        <Failures job={job} />
      </div>
      <div class="detail-side">
        <section class="card" aria-label="Facts">
          <h2 class="card-title">Facts</h2>
          <Facts facts={factsOf(job)} />
        </section>
      </div>
    </div>
  );
}

/** What is the same in many errors comes first; numbers and quoted names differ from row to row. */
function classOf(error: string): string {
  return (error.split('\n', 1)[0] ?? '').replace(/"[^"]*"/g, '"…"').replace(/\d+/g, 'n');
}

function Failures({ job }: { readonly job: JobRow }) {
  const { query } = usePlace();
  const cursor = query.get('cursor') ?? undefined;
  const path = `jobs/${encodeURIComponent(job.id)}`;
  const answer = useAnswer<Page<JobFailure>>(pathWith(`${path}/failures`, { cursor }), ['jobs']);
  const mayRetry = useMay('operate');
  const [busyId, setBusyId] = useState<string>();
  const { data } = answer;
  const columns: readonly Column<JobFailure>[] = [
    {
      title: 'Key',
      class: 'cell-id mono cut',
      render: ({ key }) => (key === undefined ? <span class="nothing">hidden</span> : <span title={key}>{key}</span>),
    },
    {
      title: 'Error',
      class: 'main',
      render: ({ error }) => (
        <span class="cell-two-lines" title={error}>
          {error.split('\n', 1)[0]}
        </span>
      ),
    },
    {
      title: 'State',
      class: 'nowrap',
      render: ({ isFinal, attempts }) =>
        isFinal ? (
          <StateMark state="failed" text={`Given up after ${attempts}`} />
        ) : (
          <StateMark state="waiting" text={`Tried ${attempts} ×, again soon`} />
        ),
    },
    { title: 'Last', class: 'number', render: ({ lastFailedAt }) => <Ago at={lastFailedAt} /> },
    ...(mayRetry
      ? [
          {
            title: 'Actions',
            isTitleUnseen: true,
            class: 'cell-actions',
            render: (failure: JobFailure) => (
              <button
                type="button"
                class="button button-small"
                disabled={busyId !== undefined}
                aria-label={`Retry ${failure.key ?? failure.id}`}
                onClick={() => {
                  setBusyId(failure.id);
                  void retry(job.id, [failure.id]).then(() => {
                    setBusyId(undefined);
                    answer.reload();
                  });
                }}
              >
                <Icon name="retry" /> Retry
              </button>
            ),
          },
        ]
      : []),
  ];
  const classes = new Map<string, number>();
  for (const { error } of data?.rows ?? []) classes.set(classOf(error), (classes.get(classOf(error)) ?? 0) + 1);
  const ranked = [...classes].sort(([, a], [, b]) => b - a);
  return (
    <section class="card card-flush" aria-label="Failures">
      <h2 class="card-title card-title-inset">
        Rows that failed <span class="soft">{data === undefined ? '' : showCount(job.failed)}</span>
      </h2>
      <Failure answer={answer} />
      {ranked.length < 2 ? null : (
        <ul class="classes">
          {ranked.slice(0, 5).map(([name, count]) => (
            <li key={name} class="class">
              <span class="number strong">{showCount(count)}</span> <span class="cut">{name}</span>
            </li>
          ))}
        </ul>
      )}
      {data === undefined ? (
        answer.refusal === undefined ? (
          <Loading lines={4} />
        ) : null
      ) : data.rows.length === 0 ? (
        <Empty title="No row failed" />
      ) : (
        <Table
          label="Rows that failed"
          columns={columns}
          rows={data.rows}
          isStale={answer.isStale}
          keyOf={({ id }) => id}
        />
      )}
      <Pager path={path} filter={{}} cursor={cursor} next={data?.next} />
    </section>
  );
}

function factsOf(job: JobRow) {
  const { index } = job;
  const optional = (count: number | undefined) => (count === undefined ? undefined : showCount(count));
  return [
    ['Table', job.table],
    ['Column', <span class="mono">{job.sourceColumn}</span>],
    ['Vectors in', <span class="mono">{job.destination}</span>],
    ['Model', <span class="mono">{job.model}</span>],
    ['Former model', job.formerModel === undefined ? undefined : <span class="mono">{job.formerModel}</span>],
    ['Dimensions', <span class="number">{job.dimensions}</span>],
    ['Rate', job.rate === undefined ? undefined : `${job.rate.toFixed(job.rate < 10 ? 1 : 0)} vectors/s`],
    ['Lag', job.lagMs === undefined ? undefined : showSpan(job.lagMs)],
    ['Queued', showCount(job.queued)],
    ['Stale', optional(job.stale)],
    ['Chunks', optional(job.chunks)],
    ['Truncated', optional(job.truncated)],
    ['Tokens', optional(job.tokens)],
    ['Model calls', showCount(job.calls)],
    [
      'Pass',
      job.passPercent === undefined ? undefined : (
        <Meter percent={job.passPercent} label="Pass over the table" tone="off" />
      ),
    ],
    ['Pass rate', job.passRate === undefined ? undefined : `${showCount(Math.round(job.passRate))} rows/s`],
    ['Last full pass', job.fullPassAt === undefined ? undefined : <ExactTime at={job.fullPassAt} />],
    ['Next full pass', job.nextFullPassAt === undefined ? undefined : <ExactTime at={job.nextFullPassAt} />],
    ['Last error', job.lastErrorAt === undefined ? undefined : <ExactTime at={job.lastErrorAt} />],
    ['Index', index === undefined ? undefined : <Index index={index} />],
    ['Job', <span class="mono">{job.jobId}</span>],
  ] as const;
}

function Index({ index }: { readonly index: NonNullable<JobRow['index']> }) {
  return (
    <span class="fact-lines">
      <StateMark state={index.state} />
      {index.percent === undefined ? null : <Meter percent={index.percent} label="Build of the index" />}
      {index.name === undefined ? null : <span class="mono cut">{index.name}</span>}
      {index.reason === undefined ? null : <span class="soft">{index.reason}</span>}
    </span>
  );
}
