import type { WorkerRow } from '../../../src/dashboard/api.ts';
import { showBytes, showCount } from '../format/numbers.ts';
import { showSpan } from '../format/times.ts';
import { Link } from '../navigation/link.tsx';
import { pathWith } from '../navigation/place.ts';
import { Command } from '../parts/command.tsx';
import { PageHead } from '../parts/page-head.tsx';
import { Empty, Failure, Loading } from '../parts/situation.tsx';
import { StateMark } from '../parts/state-mark.tsx';
import { type Column, Table } from '../parts/table.tsx';
import { Ago, useNow } from '../parts/time.tsx';
import { useAnswer } from '../server/use-answer.ts';

const COLUMNS: readonly Column<WorkerRow>[] = [
  {
    title: 'State',
    class: 'cell-state',
    render: ({ status }) =>
      status === 'running' ? <StateMark state={status} mark="good" /> : <StateMark state={status} />,
  },
  {
    title: 'Worker',
    class: 'main',
    render: ({ workerId, hostname, pid, kind }) => (
      <div class="cell-lines">
        <span class="cell-line">
          <span class="strong">{hostname}</span>{' '}
          <span class="soft">
            {kind}, pid {pid}
          </span>
        </span>
        <Link
          to={pathWith('requests', { worker: workerId })}
          class="cell-line soft mono"
          title={`Requests of ${workerId}`}
        >
          {workerId}
        </Link>
      </div>
    ),
  },
  { title: 'Serves', class: 'cell-serves', render: (worker) => <Serves worker={worker} /> },
  { title: 'Lease', class: 'number', render: (worker) => <Lease worker={worker} /> },
  {
    title: 'In flight',
    class: 'number',
    render: ({ inFlight, concurrency }) => (
      <>
        {showCount(inFlight)} <span class="soft">of {showCount(concurrency)}</span>
      </>
    ),
  },
  { title: 'Done', class: 'number', render: ({ processed }) => showCount(processed) },
  {
    title: 'Failed',
    class: 'number',
    render: ({ failed }) =>
      failed === 0 ? <span class="nothing">0</span> : <span class="bad">{showCount(failed)}</span>,
  },
  {
    title: 'Memory',
    class: 'number wide',
    render: ({ memoryBytes }) =>
      memoryBytes === undefined ? (
        <span class="nothing">–</span>
      ) : (
        <span title="Of the process itself at the last heartbeat; its engines are processes of their own">
          {showBytes(memoryBytes)}
        </span>
      ),
  },
  { title: 'Version', class: 'number wide', render: ({ version }) => version },
  { title: 'Up', class: 'number wide', render: ({ startedAt }) => <Ago at={startedAt} /> },
];

function Serves({
  worker: { kind, functions, lanes, unavailableLanes = [], taskConcurrency },
}: {
  readonly worker: WorkerRow;
}) {
  const served = lanes.length > 0 ? lanes : functions;
  return (
    <ul class="tags">
      {served.map((lane) =>
        unavailableLanes.includes(lane) ? (
          <li key={lane} class="tag bad" title={`${lane}: its model cannot be used, see the log of this worker`}>
            {lane}, not available
          </li>
        ) : (
          <li key={lane} class="tag" title={lane}>
            {lane}
          </li>
        ),
      )}
      {kind === 'daemon' ? <li class="tag">embedding jobs</li> : null}
      {taskConcurrency === undefined || taskConcurrency === 0 ? null : (
        <li class="tag">tasks × {showCount(taskConcurrency)}</li>
      )}
    </ul>
  );
}

function Lease({ worker: { leaseUntil, lastHeartbeat } }: { readonly worker: WorkerRow }) {
  const now = useNow();
  const leftMs = Date.parse(leaseUntil) - now;
  return (
    <span
      title={`Last heartbeat ${showSpan(now - Date.parse(lastHeartbeat))} ago. Others take over its work when the lease has ended.`}
    >
      {leftMs > 0 ? `${showSpan(Math.round(leftMs / 1000) * 1000)} left` : <span class="bad">ended</span>}
    </span>
  );
}

const EXAMPLE = 'lamplighter worker';

export function WorkersPage() {
  const answer = useAnswer<readonly WorkerRow[]>('workers', ['workers'], { everyMs: () => 2000 });
  const { data } = answer;
  return (
    <>
      <PageHead
        title="Workers"
        tab="Workers"
        beside={data === undefined ? null : <span class="page-count">{showCount(data.length)}</span>}
      />
      <Failure answer={answer} />
      <section class="card card-flush" aria-label="Workers">
        {data === undefined ? (
          answer.refusal === undefined ? (
            <Loading lines={4} />
          ) : null
        ) : data.length === 0 ? (
          <Empty title="No worker has been here">
            <p>Requests and tasks wait until one comes:</p>
            <Command text={EXAMPLE} />
          </Empty>
        ) : (
          <Table label="Workers" columns={COLUMNS} rows={data} keyOf={({ workerId }) => workerId} />
        )}
      </section>
    </>
  );
}
