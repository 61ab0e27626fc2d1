import type { ComponentChildren } from 'preact';
import type { BoundedCount, LaneFigures, Overview } from '../../../src/dashboard/api.ts';
import { showBounded, showCount, showMany, showPercent } from '../format/numbers.ts';
import { showSpan } from '../format/times.ts';
import { Link } from '../navigation/link.tsx';
import { Bounded } from '../parts/bounded.tsx';

interface FigureProps {
  readonly name: string;
  readonly to: string;
  readonly children: ComponentChildren;
  readonly note: ComponentChildren;
  readonly isBad?: boolean;
}

function Figure({ name, to, children, note, isBad }: FigureProps) {
  return (
    <Link to={to} class={isBad === true ? 'figure figure-bad' : 'figure'}>
      <span class="figure-name">{name}</span>
      <span class="figure-value">{children}</span>
      <span class="figure-note">{note}</span>
    </Link>
  );
}

function sumOf(counts: readonly BoundedCount[]): BoundedCount {
  return {
    count: counts.reduce((sum, { count }) => sum + count, 0),
    isExact: counts.every(({ isExact }) => isExact),
    ageMs: Math.max(0, ...counts.map(({ ageMs }) => ageMs)),
  };
}

function oldestOf(lanes: readonly LaneFigures[]): number | undefined {
  const ages = lanes.flatMap(({ oldestPendingMs }) => oldestPendingMs ?? []);
  return ages.length === 0 ? undefined : Math.max(...ages);
}

/** The whole in a line: what waits, what runs, what came of the last hour, and who works. */
export function Figures({ overview }: { readonly overview: Overview }) {
  const { lanes, requests, tasks, jobs, workers } = overview;
  const oldestMs = oldestOf(lanes);
  const running = lanes.reduce((sum, lane) => sum + lane.running, 0);
  const ended = requests.completed + requests.failed;
  return (
    <section class="card figures" aria-label="Figures">
      <Figure
        name="Pending"
        to="requests?status=pending"
        note={oldestMs === undefined ? 'nothing waits' : `oldest ${showSpan(oldestMs)}`}
      >
        {showBounded(sumOf(lanes.map(({ pending }) => pending)))}
      </Figure>
      <Figure
        name="Running"
        to="requests?status=processing"
        note={requests.runP50Ms === undefined ? 'requests' : `half within ${showSpan(requests.runP50Ms)}`}
      >
        {showCount(running)}
      </Figure>
      <Figure
        name="Completed, 1 h"
        to="requests?status=completed"
        note={requests.waitP95Ms === undefined ? 'requests' : `95 % waited under ${showSpan(requests.waitP95Ms)}`}
      >
        {showCount(requests.completed)}
      </Figure>
      <Figure
        name="Failed, 1 h"
        to="requests?status=failed"
        isBad={requests.failed > 0}
        note={ended === 0 ? 'of none' : `${showPercent((requests.failed / ended) * 100)} of ${showCount(ended)}`}
      >
        {showCount(requests.failed)}
      </Figure>
      <Figure
        name="Tasks"
        to="tasks"
        note={
          <>
            <Bounded count={tasks.queued} /> queued
            {tasks.failed > 0 ? `, ${showCount(tasks.failed)} failed` : ''}
          </>
        }
      >
        {showCount(tasks.running)} <span class="figure-unit">running</span>
      </Figure>
      <Figure
        name="Embedding jobs"
        to="jobs"
        isBad={jobs.failed > 0}
        note={
          <>
            <Bounded count={jobs.queued} /> {jobs.queued.count === 1 ? 'row' : 'rows'} queued
            {jobs.failed > 0 ? `, ${showMany(jobs.failed, 'job')} failed` : ''}
          </>
        }
      >
        {showCount(jobs.live + jobs.backfilling)}{' '}
        <span class="figure-unit">{jobs.backfilling > 0 ? `${showCount(jobs.backfilling)} in backfill` : 'live'}</span>
      </Figure>
      <Figure
        name="Workers"
        to="workers"
        isBad={workers.dead > 0}
        note={workers.dead === 0 ? 'none missing' : `${showCount(workers.dead)} dead`}
      >
        {showCount(workers.alive)} <span class="figure-unit">alive</span>
      </Figure>
    </section>
  );
}
