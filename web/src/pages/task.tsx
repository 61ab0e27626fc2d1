import type { TaskDetail } from '../../../src/dashboard/api.ts';
import { ActionButtons } from '../actions/action-buttons.tsx';
import { showPercent } from '../format/numbers.ts';
import { showSpan } from '../format/times.ts';
import { Link } from '../navigation/link.tsx';
import { goTo, pathWith } from '../navigation/place.ts';
import { Facts } from '../parts/facts.tsx';
import { Meter } from '../parts/meter.tsx';
import { PageHead } from '../parts/page-head.tsx';
import { Pids } from '../parts/pids.tsx';
import { Failure, Loading } from '../parts/situation.tsx';
import { StateMark } from '../parts/state-mark.tsx';
import { TextBlock } from '../parts/text-block.tsx';
import { ExactTime, Span } from '../parts/time.tsx';
import { useSession } from '../server/session.ts';
import { useAnswer } from '../server/use-answer.ts';

const PARENT = { to: 'tasks', name: 'Tasks' };
const RUNNING_MS = 1000;

export function TaskPage({ id }: { readonly id: string }) {
  const answer = useAnswer<TaskDetail>(`tasks/${encodeURIComponent(id)}`, ['tasks'], {
    everyMs: ({ state }) => (state === 'running' ? RUNNING_MS : undefined),
  });
  const { data } = answer;
  return (
    <>
      <PageHead
        title={data?.name ?? <span class="mono">{id}</span>}
        tab={`Task ${id}`}
        parent={PARENT}
        beside={data === undefined ? null : <StateMark state={data.state} />}
      >
        {data === undefined ? null : (
          <ActionButtons
            kind="tasks"
            ids={[data.jobid]}
            actions={data.may}
            onDone={(action) => (action === 'delete' ? goTo('tasks') : answer.reload())}
          />
        )}
      </PageHead>
      <Failure answer={answer} />
      {data === undefined ? answer.refusal === undefined ? <Loading lines={10} /> : null : <Detail task={data} />}
    </>
  );
}

function Detail({ task }: { readonly task: TaskDetail }) {
  const { state, reason, text, errorText } = task;
  const { rights } = useSession();
  return (
    <div class="detail">
      <div class="detail-main">
        {state === 'running' ? <Progress task={task} /> : null}
        {state === 'queued' && reason !== undefined ? (
          <p class="card hint">
            <StateMark state="waiting" text="Waits" /> {reason}
          </p>
        ) : null}
        {errorText === undefined ? null : (
          <TextBlock
            title={rights.payloads ? 'Error' : 'Kind of error'}
            text={errorText.replace(/\n$/, '')}
            kind="error"
          />
        )}
        {text === undefined ? (
          <section class="card" aria-label="Text">
            <h2 class="card-title">Text</h2>
            <p class="soft card-text">Only those with the right to see payloads can see it.</p>
          </section>
        ) : (
          <TextBlock title="Text" text={text} kind="sql" />
        )}
      </div>
      <div class="detail-side">
        <section class="card" aria-label="Facts">
          <h2 class="card-title">Facts</h2>
          <Facts facts={factsOf(task)} />
        </section>
      </div>
    </div>
  );
}

function Progress({ task: { phase, percent, etaMs, blockedBy, reason } }: { readonly task: TaskDetail }) {
  return (
    <section class="card progress-card" aria-label="Progress">
      <div class="progress-line">
        <span class="strong">{phase ?? 'Running'}</span>
        <span class="number">
          {percent === undefined ? '' : showPercent(percent)}
          {etaMs === undefined ? null : <span class="soft">, about {showSpan(etaMs)} left</span>}
        </span>
      </div>
      {percent === undefined ? null : <Meter percent={percent} label="Progress of the task" />}
      {blockedBy.length === 0 ? null : (
        <p>
          <StateMark state="warning" text="Waits for a lock," /> <Pids pids={blockedBy} />
        </p>
      )}
      {reason === undefined ? null : <p class="soft">{reason}</p>}
    </section>
  );
}

function factsOf(task: TaskDetail) {
  return [
    ['Task', <span class="mono">{task.jobid}</span>],
    ['Name', task.name],
    [
      'Role',
      <Link to={pathWith('tasks', { role: task.role })} class="fact-link" title={task.role}>
        {task.role}
      </Link>,
    ],
    ['Queued', <ExactTime at={task.queuedAt} />],
    ['Started', task.startedAt === undefined ? undefined : <ExactTime at={task.startedAt} />],
    ['Ended', task.finishedAt === undefined ? undefined : <ExactTime at={task.finishedAt} />],
    ['Wait', <Span from={task.queuedAt} to={task.startedAt ?? task.finishedAt} />],
    ['Run', task.startedAt === undefined ? undefined : <Span from={task.startedAt} to={task.finishedAt} />],
    ['Attempt', task.attempt === 0 ? undefined : <span class="number">{task.attempt}</span>],
    ['Guarantee', task.guarantee],
    ['Command tag', task.commandTag === undefined ? undefined : <span class="mono">{task.commandTag}</span>],
    ['Rows', task.rowCount],
    ['Backend', task.backendPid === undefined ? undefined : <span class="mono">{task.backendPid}</span>],
    ['Worker', task.workerId === undefined ? undefined : <span class="mono cut">{task.workerId}</span>],
    ['Reason', task.state === 'queued' || task.state === 'running' ? undefined : task.reason],
  ] as const;
}
