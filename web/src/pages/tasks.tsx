import { useEffect, useState } from 'preact/hooks';
import type { Page, TaskRow } from '../../../src/dashboard/api.ts';
import { ActionButtons } from '../actions/action-buttons.tsx';
import { isPossible, KIND_ACTIONS } from '../actions/actions.ts';
import { OperationButton } from '../actions/operation-dialog.tsx';
import { showMany, showPercent } from '../format/numbers.ts';
import type { Filter } from '../format/parse-search.ts';
import { showSpan } from '../format/times.ts';
import { Link } from '../navigation/link.tsx';
import { pathWith, usePlace } from '../navigation/place.ts';
import { Bounded } from '../parts/bounded.tsx';
import { Command } from '../parts/command.tsx';
import { FilterBar } from '../parts/filter-bar.tsx';
import type { Field } from '../parts/filter-field.tsx';
import { Meter } from '../parts/meter.tsx';
import { PageHead } from '../parts/page-head.tsx';
import { Pager } from '../parts/pager.tsx';
import { Pids } from '../parts/pids.tsx';
import { Empty, Failure, Loading } from '../parts/situation.tsx';
import { StateMark } from '../parts/state-mark.tsx';
import { type Column, Table } from '../parts/table.tsx';
import { Ago, Span } from '../parts/time.tsx';
import { useMay } from '../server/session.ts';
import { useAnswer } from '../server/use-answer.ts';

const STATES = ['queued', 'running', 'succeeded', 'failed', 'canceled'];
const ROWS = 50;
/** The phase of a running text changes without a commit that anybody could hear. */
const RUNNING_MS = 1000;

const FIELDS: readonly Field[] = [
  { name: 'id', label: 'Id', kind: 'text' },
  { name: 'name', label: 'Name', kind: 'text' },
  { name: 'role', label: 'Role', kind: 'text' },
  { name: 'since', label: 'Queued since', kind: 'time' },
  { name: 'until', label: 'Queued before', kind: 'time' },
  { name: 'error', label: 'Error contains', kind: 'text' },
];

const COLUMNS: readonly Column<TaskRow>[] = [
  { title: 'State', class: 'cell-state', render: ({ state }) => <StateMark state={state} /> },
  {
    title: 'Task',
    class: 'cell-id mono',
    render: ({ jobid }) => (
      <Link to={`tasks/${encodeURIComponent(jobid)}`} class="cell-link" label={`Task ${jobid}`}>
        {jobid}
      </Link>
    ),
  },
  { title: 'Text', class: 'main', render: (task) => <Text task={task} /> },
  { title: 'Progress', class: 'cell-progress', render: (task) => <Progress task={task} /> },
  { title: 'Role', class: 'wide cut', render: ({ role }) => <span title={role}>{role}</span> },
  { title: 'Run', class: 'number', render: ({ startedAt, finishedAt }) => <Span from={startedAt} to={finishedAt} /> },
  { title: 'Queued', class: 'number', render: ({ queuedAt }) => <Ago at={queuedAt} /> },
];

function Text({ task: { name, query, error, reason } }: { readonly task: TaskRow }) {
  const below = error?.split('\n', 1)[0] ?? reason;
  return (
    <div class="cell-lines">
      <span class="cell-line">
        {name === undefined ? null : <span class="strong">{name} </span>}
        <span class={name === undefined ? 'mono' : 'soft mono'}>{query ?? ''}</span>
      </span>
      {below === undefined ? null : (
        <span class={error === undefined ? 'cell-line soft' : 'cell-line cell-error'} title={error ?? reason}>
          {below}
        </span>
      )}
    </div>
  );
}

function Progress({ task: { state, phase, percent, etaMs, blockedBy } }: { readonly task: TaskRow }) {
  if (state !== 'running') return <span class="nothing">–</span>;
  return (
    <div class="task-progress">
      {percent === undefined ? null : <Meter percent={percent} label="Progress of the task" />}
      <span class="task-phase soft">
        {blockedBy.length > 0 ? <Pids pids={blockedBy} /> : (phase ?? '–')}
        {percent === undefined ? null : ` ${showPercent(percent)}`}
        {etaMs === undefined ? null : `, ${showSpan(etaMs)} left`}
      </span>
    </div>
  );
}

const EXAMPLE = "select lantern.async_task('vacuum analyze');";

export function TasksPage() {
  const { query } = usePlace();
  const names = ['state', ...FIELDS.map(({ name }) => name)];
  const filter: Filter = Object.fromEntries(
    names.flatMap((name) => (query.get(name) ? [[name, query.get(name) ?? '']] : [])),
  );
  const cursor = query.get('cursor') ?? undefined;
  const route = pathWith('tasks', { ...filter, cursor, limit: String(ROWS) });
  const answer = useAnswer<Page<TaskRow>>(route, ['tasks'], {
    everyMs: ({ rows }) => (rows.some(({ state }) => state === 'running') ? RUNNING_MS : undefined),
  });
  const [ids, setIds] = useState<ReadonlySet<string>>(new Set());
  useEffect(() => setIds(new Set()), [route]);
  const mayAct = [useMay('operate'), useMay('admin')].some(Boolean);
  const { data } = answer;
  const selected = data?.rows.filter(({ jobid }) => ids.has(jobid)) ?? [];
  const isFiltered = Object.keys(filter).length > 0;
  return (
    <>
      <PageHead
        title="Tasks"
        tab="Tasks"
        beside={
          data === undefined ? null : (
            <span class="page-count">
              <Bounded count={data.total} />
            </span>
          )
        }
      >
        <OperationButton kind="tasks" filter={filter} />
      </PageHead>
      <FilterBar
        path="tasks"
        filter={filter}
        stateField="state"
        states={STATES}
        fields={FIELDS}
        placeholder="Id, text of the error, or name:nightly"
      />
      <Failure answer={answer} />
      <section class="card card-flush" aria-label="Tasks">
        {data === undefined ? (
          answer.refusal === undefined ? (
            <Loading lines={12} />
          ) : null
        ) : data.rows.length === 0 && data.isPartial === true ? (
          <Empty title="Nothing found so far">
            <p>The search has looked at as many rows as one page may. Older ones were not looked at yet.</p>
          </Empty>
        ) : data.rows.length === 0 ? (
          <Empty title={isFiltered ? 'No task matches' : 'No tasks'}>
            {isFiltered ? (
              <p>Remove a filter to see more.</p>
            ) : (
              <>
                <p>A statement that runs in the background, as the role that queued it:</p>
                <Command text={EXAMPLE} what="the statement" />
              </>
            )}
          </Empty>
        ) : (
          <Table
            label="Tasks"
            columns={COLUMNS}
            rows={data.rows}
            isStale={answer.isStale}
            selection={mayAct ? { ids, set: setIds } : undefined}
            keyOf={({ jobid }) => jobid}
            pathOf={({ jobid }) => `tasks/${encodeURIComponent(jobid)}`}
          />
        )}
      </section>
      <Pager path="tasks" filter={filter} cursor={cursor} next={data?.next} isPartial={data?.isPartial} />
      {selected.length === 0 ? null : (
        <section class="selection" aria-label="Selection">
          <span class="strong">{showMany(selected.length, 'task')} selected</span>
          <ActionButtons
            kind="tasks"
            ids={selected.map(({ jobid }) => jobid)}
            actions={KIND_ACTIONS.tasks.filter((action) => selected.some((row) => isPossible(action, row)))}
            onDone={() => {
              setIds(new Set());
              answer.reload();
            }}
          />
          <button type="button" class="button-quiet" onClick={() => setIds(new Set())}>
            Clear
          </button>
        </section>
      )}
    </>
  );
}
