import { useEffect, useMemo, useState } from 'preact/hooks';
import type { Page, RequestRow } from '../../../src/dashboard/api.ts';
import { ActionButtons } from '../actions/action-buttons.tsx';
import { isPossible, KIND_ACTIONS } from '../actions/actions.ts';
import { OperationButton } from '../actions/operation-dialog.tsx';
import { showMany } from '../format/numbers.ts';
import type { Filter } from '../format/parse-search.ts';
import { shortId } from '../format/short-id.ts';
import { Link } from '../navigation/link.tsx';
import { pathWith, usePlace } from '../navigation/place.ts';
import { Bounded } from '../parts/bounded.tsx';
import { FilterBar } from '../parts/filter-bar.tsx';
import type { Field } from '../parts/filter-field.tsx';
import { PageHead } from '../parts/page-head.tsx';
import { Pager } from '../parts/pager.tsx';
import { Empty, Failure, Loading } from '../parts/situation.tsx';
import { StateMark } from '../parts/state-mark.tsx';
import { type Column, Table } from '../parts/table.tsx';
import { Ago, Span } from '../parts/time.tsx';
import { useLive } from '../server/live.ts';
import { useMay } from '../server/session.ts';
import { useAnswer } from '../server/use-answer.ts';

const STATUSES = ['pending', 'processing', 'completed', 'failed', 'cancelled'];
const ROWS = 50;

const COLUMNS: readonly Column<RequestRow>[] = [
  { title: 'Status', class: 'cell-state', render: ({ status }) => <StateMark state={status} /> },
  {
    title: 'Request',
    class: 'cell-id mono',
    render: ({ requestId }) => (
      <Link to={`requests/${encodeURIComponent(requestId)}`} class="cell-link" title={requestId}>
        {shortId(requestId)}
      </Link>
    ),
  },
  {
    title: 'Function',
    class: 'main',
    render: ({ functionName, model, error }) => (
      <div class="cell-lines">
        <span class="cell-line">
          <span class="strong">{functionName}</span> <span class="soft mono">{model}</span>
        </span>
        {error === undefined ? null : (
          <span class="cell-line cell-error" title={error}>
            {error.split('\n', 1)[0]}
          </span>
        )}
      </div>
    ),
  },
  { title: 'Role', class: 'wide cut', render: ({ role }) => <span title={role}>{role}</span> },
  {
    title: 'Attempt',
    class: 'number wide',
    render: ({ attempt }) => (attempt === 0 ? <span class="nothing">–</span> : attempt),
  },
  {
    title: 'Wait',
    class: 'number wide',
    render: ({ createdAt, startedAt, completedAt }) => <Span from={createdAt} to={startedAt ?? completedAt} />,
  },
  {
    title: 'Run',
    class: 'number',
    render: ({ startedAt, completedAt }) => <Span from={startedAt} to={completedAt} />,
  },
  { title: 'Queued', class: 'number', render: ({ createdAt }) => <Ago at={createdAt} /> },
];

function filterOf(query: URLSearchParams, fields: readonly Field[]): Filter {
  const names = ['status', ...fields.map(({ name }) => name)];
  return Object.fromEntries(names.flatMap((name) => (query.get(name) ? [[name, query.get(name) ?? '']] : [])));
}

export function RequestsPage() {
  const { query } = usePlace();
  const { overview } = useLive();
  const functions = useMemo(
    () => [...new Set(overview?.lanes.map(({ functionName }) => functionName))].sort(),
    [overview?.lanes],
  );
  const fields: readonly Field[] = [
    { name: 'id', label: 'Id', kind: 'text' },
    { name: 'function', label: 'Function', kind: 'choice', choices: functions },
    { name: 'model', label: 'Model', kind: 'text' },
    { name: 'role', label: 'Role', kind: 'text' },
    { name: 'batch', label: 'Batch', kind: 'text' },
    { name: 'worker', label: 'Worker', kind: 'text' },
    { name: 'since', label: 'Queued since', kind: 'time' },
    { name: 'until', label: 'Queued before', kind: 'time' },
    { name: 'error', label: 'Error contains', kind: 'text' },
  ];
  const filter = filterOf(query, fields);
  const cursor = query.get('cursor') ?? undefined;
  const address = pathWith('requests', { ...filter, cursor });
  const answer = useAnswer<Page<RequestRow>>(pathWith('requests', { ...filter, cursor, limit: String(ROWS) }), [
    'requests',
  ]);
  const [ids, setIds] = useState<ReadonlySet<string>>(new Set());
  useEffect(() => setIds(new Set()), [address]);
  const mayAct = [useMay('operate'), useMay('admin')].some(Boolean);
  const { data } = answer;
  const selected = data?.rows.filter(({ requestId }) => ids.has(requestId)) ?? [];
  return (
    <>
      <PageHead
        title="Requests"
        tab="Requests"
        beside={
          data === undefined ? null : (
            <span class="page-count">
              <Bounded count={data.total} />
            </span>
          )
        }
      >
        <OperationButton kind="requests" filter={filter} />
      </PageHead>
      <FilterBar
        path="requests"
        filter={filter}
        stateField="status"
        states={STATUSES}
        fields={fields}
        placeholder="Id, text of the error, or function:embed"
      />
      <Failure answer={answer} />
      <section class="card card-flush" aria-label="Requests">
        {data === undefined ? (
          answer.refusal === undefined ? (
            <Loading lines={12} />
          ) : null
        ) : data.rows.length === 0 && data.isPartial === true ? (
          <Empty title="Nothing found so far">
            <p>The search has looked at as many rows as one page may. Older ones were not looked at yet.</p>
          </Empty>
        ) : data.rows.length === 0 ? (
          <Empty title={Object.keys(filter).length === 0 ? 'No requests' : 'No request matches'}>
            <p>
              {Object.keys(filter).length === 0
                ? 'They appear here within a second of their commit.'
                : 'Remove a filter to see more.'}
            </p>
          </Empty>
        ) : (
          <Table
            label="Requests"
            columns={COLUMNS}
            rows={data.rows}
            isStale={answer.isStale}
            selection={mayAct ? { ids, set: setIds } : undefined}
            keyOf={({ requestId }) => requestId}
            pathOf={({ requestId }) => `requests/${encodeURIComponent(requestId)}`}
          />
        )}
      </section>
      <Pager path="requests" filter={filter} cursor={cursor} next={data?.next} isPartial={data?.isPartial} />
      {selected.length === 0 ? null : (
        <section class="selection" aria-label="Selection">
          <span class="strong">{showMany(selected.length, 'request')} selected</span>
          <ActionButtons
            kind="requests"
            ids={selected.map(({ requestId }) => requestId)}
            actions={KIND_ACTIONS.requests.filter((action) => selected.some((row) => isPossible(action, row)))}
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
