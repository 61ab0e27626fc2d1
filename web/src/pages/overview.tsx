import type { LaneFigures, Overview, Trouble } from '../../../src/dashboard/api.ts';
import { showCount, showMany } from '../format/numbers.ts';
import { showSpan } from '../format/times.ts';
import { Link } from '../navigation/link.tsx';
import { pathWith, usePlace } from '../navigation/place.ts';
import { Bounded } from '../parts/bounded.tsx';
import { Command } from '../parts/command.tsx';
import { Icon } from '../parts/icon.tsx';
import { PageHead } from '../parts/page-head.tsx';
import { Empty, Loading } from '../parts/situation.tsx';
import { StateMark } from '../parts/state-mark.tsx';
import { Switch } from '../parts/switch.tsx';
import { type Column, Table } from '../parts/table.tsx';
import { Lasting } from '../parts/time.tsx';
import { useLive } from '../server/live.ts';
import { Charts, SYSTEMS, WINDOWS } from './overview-charts.tsx';
import { Figures } from './overview-figures.tsx';

export function OverviewPage() {
  const { overview } = useLive();
  const { query } = usePlace();
  const shownWindow = WINDOWS.find((each) => each === query.get('window')) ?? '1h';
  const system = SYSTEMS.find((each) => each === query.get('system')) ?? 'requests';
  const functionName = query.get('function') ?? '';
  const model = query.get('model') ?? '';
  const pathOf = (change: Readonly<Record<string, string>>) =>
    pathWith('', { window: shownWindow, system, function: functionName, model, ...change });
  return (
    <>
      <PageHead title="Overview" tab="Overview">
        <Switch
          label="Window of the charts"
          choices={WINDOWS.map((name) => ({ name, to: pathOf({ window: name }), isCurrent: name === shownWindow }))}
        />
      </PageHead>
      {overview === undefined ? <Loading lines={6} /> : <Now overview={overview} />}
      <Charts
        shownWindow={shownWindow}
        system={system}
        functionName={functionName}
        model={model}
        lanes={overview?.lanes ?? []}
        pathOf={pathOf}
      />
      {overview === undefined ? null : (
        <div class="columns">
          <section class="card" aria-label="Lanes">
            <h2 class="card-title">Lanes</h2>
            <Lanes lanes={overview.lanes} />
          </section>
          <section class="card" aria-label="Failures by cause">
            <h2 class="card-title">
              Failures by cause <span class="soft">last hour</span>
            </h2>
            <Failures failures={overview.failures} />
          </section>
        </div>
      )}
    </>
  );
}

function Now({ overview }: { readonly overview: Overview }) {
  return (
    <>
      <Troubles troubles={overview.troubles} />
      <Figures overview={overview} />
    </>
  );
}

function Troubles({ troubles }: { readonly troubles: readonly Trouble[] }) {
  if (troubles.length === 0) {
    return (
      <section class="card calm" aria-label="Troubles">
        <StateMark state="good" mark="good" text="Nothing is wrong" />
        <span class="soft">Every function with a backlog is served, and no worker is missing.</span>
      </section>
    );
  }
  const ordered = [...troubles].sort((a, b) => Number(b.severity === 'error') - Number(a.severity === 'error'));
  return (
    <section class="card troubles" aria-label="Troubles">
      {ordered.map((trouble) => (
        <article key={`${trouble.kind} ${trouble.text}`} class={`trouble trouble-${trouble.severity}`}>
          <StateMark
            state={trouble.severity}
            mark={trouble.severity === 'error' ? 'bad' : 'warning'}
            text={trouble.severity === 'error' ? 'Error' : 'Warning'}
          />
          <div class="trouble-text">
            <p class="trouble-claim">{trouble.text}</p>
            {trouble.advice === undefined ? null : <p class="soft">{trouble.advice}</p>}
            {trouble.command === undefined ? null : <Command text={trouble.command} />}
          </div>
          <div class="trouble-side">
            {trouble.since === undefined ? null : (
              <span class="soft">
                for <Lasting since={trouble.since} />
              </span>
            )}
            {trouble.link === undefined ? null : (
              <Link to={trouble.link} class="link-out">
                Show <Icon name="right" />
              </Link>
            )}
          </div>
        </article>
      ))}
    </section>
  );
}

const LANE_COLUMNS: readonly Column<LaneFigures>[] = [
  {
    title: 'Function',
    class: 'main',
    render: ({ functionName, model }) => (
      <Link to={pathWith('requests', { function: functionName, model })} class="cell-link">
        <span class="strong">{functionName}</span> <span class="soft mono cut">{model}</span>
      </Link>
    ),
  },
  {
    title: 'State',
    render: ({ isPaused, isServed, pending, running }) =>
      isPaused ? (
        <StateMark state="paused" text="Paused" />
      ) : isServed ? (
        <StateMark state="served" text="Served" />
      ) : (
        <StateMark
          state="not served"
          mark={pending.count + running > 0 ? 'bad' : 'off'}
          text={pending.count + running > 0 ? 'Not served' : 'No worker'}
        />
      ),
  },
  { title: 'Pending', class: 'number', render: ({ pending }) => <Bounded count={pending} /> },
  { title: 'Running', class: 'number', render: ({ running }) => showCount(running) },
  {
    title: 'Oldest',
    class: 'number',
    render: ({ oldestPendingMs }) =>
      oldestPendingMs === undefined ? <span class="nothing">–</span> : showSpan(oldestPendingMs),
  },
];

function Lanes({ lanes }: { readonly lanes: readonly LaneFigures[] }) {
  if (lanes.length === 0) {
    return (
      <Empty title="No requests yet">
        <p>A lane is a function and a model. The first one appears with the first request:</p>
        <Command text="select steadytext_embed_async('Hello');" what="the statement" />
      </Empty>
    );
  }
  return (
    <Table
      label="Lanes"
      columns={LANE_COLUMNS}
      rows={lanes}
      keyOf={({ functionName, model }) => `${functionName} ${model}`}
    />
  );
}

function Failures({ failures }: { readonly failures: Overview['failures'] }) {
  if (failures.length === 0) return <Empty title="No failures in the last hour" />;
  const most = Math.max(...failures.map(({ count }) => count));
  return (
    <ol class="causes">
      {failures.map(({ cause, count, link }) => (
        <li key={cause} class="cause">
          <div class="cause-bar" style={{ width: `${(count / most) * 100}%` }} />
          {link === undefined ? (
            <span class="cause-name">{cause}</span>
          ) : (
            <Link to={link} class="cause-name" label={`${cause}: ${showMany(count, 'failure')}`}>
              {cause}
            </Link>
          )}
          <span class="number">{showCount(count)}</span>
        </li>
      ))}
    </ol>
  );
}
