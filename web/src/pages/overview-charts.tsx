import { useMemo } from 'preact/hooks';
import type { LaneFigures, Series } from '../../../src/dashboard/api.ts';
import { showCompact } from '../format/numbers.ts';
import { showSpan } from '../format/times.ts';
import { goTo, pathWith } from '../navigation/place.ts';
import { Chart, type Line } from '../parts/chart.tsx';
import { Failure } from '../parts/situation.tsx';
import { Switch } from '../parts/switch.tsx';
import { nowMs } from '../server/live.ts';
import { useAnswer } from '../server/use-answer.ts';

export const WINDOWS = ['1h', '6h', '24h', '7d', '90d'] as const;
export const SYSTEMS = ['requests', 'tasks', 'jobs'] as const;

const SYSTEM_NAMES = { requests: 'Requests', tasks: 'Tasks', jobs: 'Embedding jobs' } as const;

interface ChartsProps {
  readonly shownWindow: (typeof WINDOWS)[number];
  readonly system: (typeof SYSTEMS)[number];
  /** Of one lane; both empty for all. */
  readonly functionName: string;
  readonly model: string;
  readonly lanes: readonly LaneFigures[];
  pathOf(change: Readonly<Record<string, string>>): string;
}

const EMPTY: Series = {
  stepMs: 60_000,
  at: [],
  enqueued: [],
  completed: [],
  failed: [],
  cancelled: [],
  retries: [],
  waitP50Ms: [],
  waitP95Ms: [],
  runP50Ms: [],
  runP95Ms: [],
  oldestPendingMs: [],
};

/** Without the step that is not over yet: it would look like a fall. */
function withoutOpenStep(series: Series): Series {
  const { at, stepMs } = series;
  const over = at.findLastIndex((beganMs) => beganMs + stepMs <= nowMs()) + 1;
  if (over === at.length) return series;
  const entries = Object.entries(series).map(([name, value]) => [
    name,
    Array.isArray(value) ? value.slice(0, over) : value,
  ]);
  return Object.fromEntries(entries) as Series; // the same fields, each list shorter
}

function throughputOf({ enqueued, completed, failed, retries }: Series): readonly Line[] {
  return [
    { name: 'completed', tone: 'good', values: completed, isFilled: true },
    { name: 'enqueued', tone: 'plain', values: enqueued, isDashed: true },
    { name: 'failed', tone: 'bad', values: failed },
    { name: 'retries', tone: 'waiting', values: retries },
  ];
}

function waitOf({ waitP50Ms, waitP95Ms, oldestPendingMs }: Series): readonly Line[] {
  return [
    { name: 'p50', tone: 'running', values: waitP50Ms, isFilled: true },
    { name: 'p95', tone: 'plain', values: waitP95Ms },
    { name: 'oldest', tone: 'waiting', values: oldestPendingMs, isDashed: true },
  ];
}

function runOf({ runP50Ms, runP95Ms }: Series): readonly Line[] {
  return [
    { name: 'p50', tone: 'running', values: runP50Ms, isFilled: true },
    { name: 'p95', tone: 'plain', values: runP95Ms },
  ];
}

/** Throughput, wait and run of one system, of all its lanes or of one. */
export function Charts({ shownWindow, system, functionName, model, lanes, pathOf }: ChartsProps) {
  const laneAt = lanes.findIndex((lane) => lane.functionName === functionName && lane.model === model);
  const route = pathWith('series', { window: shownWindow, system, function: functionName, model });
  const answer = useAnswer<Series>(route, [], {
    everyMs: ({ stepMs }) => Math.min(60_000, Math.max(10_000, stepMs / 6)),
  });
  const series = useMemo(() => withoutOpenStep(answer.data ?? EMPTY), [answer.data]);
  const lines = useMemo(
    () => ({ throughput: throughputOf(series), wait: waitOf(series), run: runOf(series) }),
    [series],
  );
  const common = { at: series.at, stepMs: series.stepMs, isStale: answer.isStale || answer.data === undefined };
  return (
    <section class="card" aria-label="Charts">
      <div class="card-head">
        <Switch
          label="System of the charts"
          choices={SYSTEMS.map((each) => ({
            name: SYSTEM_NAMES[each],
            to: pathOf({ system: each, function: '', model: '' }),
            isCurrent: each === system,
          }))}
        />
        {system === 'requests' && lanes.length > 0 ? (
          <label class="field-inline">
            <span class="unseen">Lane of the charts</span>
            <select
              class="select"
              value={laneAt}
              onChange={(event) => {
                const chosen = lanes[Number(event.currentTarget.value)];
                goTo(pathOf({ function: chosen?.functionName ?? '', model: chosen?.model ?? '' }));
              }}
            >
              <option value={-1}>All lanes</option>
              {lanes.map((each, at) => (
                <option key={`${each.functionName} ${each.model}`} value={at}>
                  {each.functionName} · {each.model}
                </option>
              ))}
            </select>
          </label>
        ) : null}
      </div>
      <Failure answer={answer} />
      <div class="charts">
        <Chart
          {...common}
          title="Throughput"
          note={`per ${showStep(series.stepMs)}`}
          lines={lines.throughput}
          show={showCompact}
        />
        <Chart {...common} title="Wait" note="until it started" lines={lines.wait} show={showSpan} />
        <Chart {...common} title="Run" note="from start to end" lines={lines.run} show={showSpan} />
      </div>
    </section>
  );
}

function showStep(ms: number): string {
  if (ms === 60_000) return 'minute';
  if (ms === 3_600_000) return 'hour';
  return ms === 86_400_000 ? 'day' : showSpan(ms);
}
