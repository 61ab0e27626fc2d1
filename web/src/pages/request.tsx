import type { RequestDetail } from '../../../src/dashboard/api.ts';
import { ActionButtons } from '../actions/action-buttons.tsx';
import { showCount } from '../format/numbers.ts';
import { shortId } from '../format/short-id.ts';
import { Link } from '../navigation/link.tsx';
import { goTo, pathWith } from '../navigation/place.ts';
import { CopyButton } from '../parts/copy-button.tsx';
import { Facts } from '../parts/facts.tsx';
import { PageHead } from '../parts/page-head.tsx';
import { Failure, Loading } from '../parts/situation.tsx';
import { StateMark } from '../parts/state-mark.tsx';
import { TextBlock } from '../parts/text-block.tsx';
import { Ago, ExactTime, Span } from '../parts/time.tsx';
import { Timeline } from '../parts/timeline.tsx';
import { useSession } from '../server/session.ts';
import { useAnswer } from '../server/use-answer.ts';

const PARENT = { to: 'requests', name: 'Requests' };

export function RequestPage({ id }: { readonly id: string }) {
  const answer = useAnswer<RequestDetail>(`requests/${encodeURIComponent(id)}`, ['requests']);
  const { data } = answer;
  return (
    <>
      <PageHead
        title={
          <>
            <span class="mono title-id">{id}</span> <CopyButton text={id} what="the id" />
          </>
        }
        tab={`Request ${shortId(id)}`}
        parent={PARENT}
        beside={data === undefined ? null : <StateMark state={data.status} />}
      >
        {data === undefined ? null : (
          <ActionButtons
            kind="requests"
            ids={[data.requestId]}
            actions={data.may}
            onDone={(action) => (action === 'delete' ? goTo('requests') : answer.reload())}
          />
        )}
      </PageHead>
      <Failure answer={answer} />
      {data === undefined ? answer.refusal === undefined ? <Loading lines={10} /> : null : <Detail request={data} />}
    </>
  );
}

function Detail({ request }: { readonly request: RequestDetail }) {
  const { errorText, parameters, result, waitsFor } = request;
  const { rights } = useSession();
  return (
    <div class="detail">
      <div class="detail-main">
        {waitsFor === undefined ? null : (
          <p class="card hint">
            <StateMark state="waiting" text="Waits" /> {waitsFor}
          </p>
        )}
        {errorText === undefined ? null : (
          <TextBlock title={rights.payloads ? 'Error' : 'Kind of error'} text={errorText} kind="error" />
        )}
        {parameters === undefined ? (
          <Unseen what="Parameters" length={request.parametersLength} />
        ) : (
          <TextBlock title="Parameters" text={parameters} length={request.parametersLength} kind="json" />
        )}
        {result === undefined ? (
          request.resultLength === undefined ? null : (
            <Unseen what="Result" length={request.resultLength} />
          )
        ) : (
          <TextBlock title="Result" text={result} length={request.resultLength} kind="json" />
        )}
      </div>
      <div class="detail-side">
        <section class="card" aria-label="Facts">
          <h2 class="card-title">Facts</h2>
          <Facts facts={factsOf(request)} />
        </section>
        <section class="card" aria-label="Timeline">
          <h2 class="card-title">Timeline</h2>
          <Timeline events={request.timeline} />
        </section>
      </div>
    </div>
  );
}

function Unseen({ what, length }: { readonly what: string; readonly length: number }) {
  const { rights } = useSession();
  return (
    <section class="card" aria-label={what}>
      <header class="card-head">
        <h2 class="card-title">{what}</h2>
        <span class="soft">{showCount(length)} characters</span>
      </header>
      <p class="soft card-text">
        {rights.payloads ? 'It is no longer kept.' : 'Only those with the right to see payloads can see it.'}
      </p>
    </section>
  );
}

function factsOf(request: RequestDetail) {
  const { functionName, model, batchId, workerId, traceparent } = request;
  const toList = (name: string, value: string) => (
    <Link to={pathWith('requests', { [name]: value })} class="fact-link" title={value}>
      {value}
    </Link>
  );
  return [
    ['Function', toList('function', functionName)],
    ['Model', toList('model', model)],
    ['Role', toList('role', request.role)],
    ['Priority', <span class="number">{request.priority}</span>],
    ['Queued', <ExactTime at={request.createdAt} />],
    ['Runs after', request.runAt === undefined ? undefined : <ExactTime at={request.runAt} />],
    ['Started', request.startedAt === undefined ? undefined : <ExactTime at={request.startedAt} />],
    ['Ended', request.completedAt === undefined ? undefined : <ExactTime at={request.completedAt} />],
    ['Wait', <Span from={request.createdAt} to={request.startedAt ?? request.completedAt} />],
    ['Run', request.startedAt === undefined ? undefined : <Span from={request.startedAt} to={request.completedAt} />],
    ['Attempts', <span class="number">{request.attempt}</span>],
    ['Retries', request.retryCount === 0 ? undefined : <span class="number">{request.retryCount}</span>],
    ['Batch', batchId === undefined ? undefined : toList('batch', batchId)],
    ['Worker', workerId === undefined ? undefined : toList('worker', workerId)],
    ['Row', <span class="mono">{request.id}</span>],
    ['Age', <Ago at={request.createdAt} />],
    ['Trace', traceparent === undefined ? undefined : <Trace traceparent={traceparent} />],
  ] as const;
}

/** The trace's id is what tracing systems search by. */
function Trace({ traceparent }: { readonly traceparent: string }) {
  const { traceUrl } = useSession();
  const traceId = traceparent.split('-')[1] ?? traceparent;
  return (
    <span class="fact-copied">
      {traceUrl === undefined ? (
        <span class="mono cut" title={traceparent}>
          {traceId}
        </span>
      ) : (
        <a
          href={traceUrl.replaceAll('{trace_id}', () => encodeURIComponent(traceId))}
          class="fact-link mono cut"
          target="_blank"
          rel="noopener noreferrer"
          title={`The trace ${traceId}, in another tab`}
        >
          {traceId}
        </a>
      )}
      <CopyButton text={traceId} what="the id of the trace" />
    </span>
  );
}
