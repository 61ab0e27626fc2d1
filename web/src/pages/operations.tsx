import type { Operation } from '../../../src/dashboard/api.ts';
import { percentOf, skippedText, stopOperation } from '../actions/operation-progress.tsx';
import { showCount } from '../format/numbers.ts';
import { FilterSaid } from '../parts/filter-said.tsx';
import { Icon } from '../parts/icon.tsx';
import { Meter } from '../parts/meter.tsx';
import { PageHead } from '../parts/page-head.tsx';
import { Empty, Failure, Loading } from '../parts/situation.tsx';
import { StateMark } from '../parts/state-mark.tsx';
import { type Column, Table } from '../parts/table.tsx';
import { Ago, Span } from '../parts/time.tsx';
import { useMay } from '../server/session.ts';
import { useAnswer } from '../server/use-answer.ts';

export function OperationsPage() {
  const answer = useAnswer<readonly Operation[]>('operations', ['operations'], {
    everyMs: (rows) => (rows.some(({ state }) => state === 'running') ? 500 : undefined),
  });
  const mayStop = useMay('operate');
  const { data } = answer;
  const columns: readonly Column<Operation>[] = [
    { title: 'State', class: 'cell-state', render: ({ state }) => <StateMark state={state} /> },
    {
      title: 'Operation',
      class: 'main',
      render: ({ action, kind, filter, error }) => (
        <div class="cell-lines">
          <span class="cell-chips">
            <span class="strong">
              {action} {kind}
            </span>
            <FilterSaid filter={filter} />
          </span>
          {error === undefined ? null : <span class="cell-line cell-error">{error}</span>}
        </div>
      ),
    },
    {
      title: 'Progress',
      class: 'cell-progress',
      render: (operation) => (
        <div class="task-progress">
          <Meter
            percent={percentOf(operation)}
            label="Progress of the operation"
            tone={operation.state === 'failed' ? 'bad' : operation.state === 'running' ? 'running' : 'good'}
          />
          <span class="task-phase soft number" title={skippedText(operation)}>
            {showCount(operation.done)} of{' '}
            {showCount(operation.isCollected ? operation.matched : operation.expectedCount)}
            {operation.skipped > 0 ? `, ${showCount(operation.skipped)} left` : ''}
          </span>
        </div>
      ),
    },
    {
      title: 'By',
      class: 'wide cut',
      render: ({ startedBy, role }) => <span title={`${startedBy}, as role ${role}`}>{startedBy}</span>,
    },
    {
      title: 'Took',
      class: 'number wide',
      render: ({ startedAt, finishedAt }) => <Span from={startedAt} to={finishedAt} />,
    },
    { title: 'Started', class: 'number', render: ({ startedAt }) => <Ago at={startedAt} /> },
    ...(mayStop
      ? [
          {
            title: 'Actions',
            isTitleUnseen: true,
            class: 'cell-actions',
            render: ({ id, state, isStopRequested }: Operation) =>
              state === 'running' ? (
                <button
                  type="button"
                  class="button button-small"
                  disabled={isStopRequested}
                  aria-label={`Stop operation ${id}`}
                  onClick={() => void stopOperation(id).then(answer.reload)}
                >
                  <Icon name="stop" /> Stop
                </button>
              ) : null,
          },
        ]
      : []),
  ];
  return (
    <>
      <PageHead title="Operations" tab="Operations" />
      <Failure answer={answer} />
      <section class="card card-flush" aria-label="Operations">
        {data === undefined ? (
          answer.refusal === undefined ? (
            <Loading lines={4} />
          ) : null
        ) : data.length === 0 ? (
          <Empty title="No operations">
            <p>What is done to all that match a filter is listed here, with its progress.</p>
          </Empty>
        ) : (
          <Table label="Operations" columns={columns} rows={data} keyOf={({ id }) => id} />
        )}
      </section>
    </>
  );
}
