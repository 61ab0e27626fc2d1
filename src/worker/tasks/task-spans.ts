import { type Link, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { activeTracer } from '../../core/tracing/active-tracer.ts';
import { messageAttributes } from '../../core/tracing/message-attributes.ts';
import { parseTraceparent } from '../../core/tracing/traceparent.ts';
import type { ClaimedTask } from '../../tasks/claim-tasks.ts';
import type { RecordedEnd } from './attempt.ts';

/**
 * Begins a span `process tasks` for an attempt at a task, where the program has registered a tracer; what it returns ends it. The first
 * attempt is a child of the span that queued the task, a later one a root with a link to it. Neither the text nor its error is in it.
 */
export function startTaskSpan(task: ClaimedTask, workerId: string): (end: RecordedEnd) => void {
  const tracer = activeTracer();
  if (tracer === undefined) return () => undefined;
  const sent = parseTraceparent(task.traceparent);
  const isChild = sent !== undefined && task.attempt === 1;
  const links: Link[] = sent === undefined || isChild ? [] : [{ context: sent }];
  const span = tracer.startSpan(
    'process tasks',
    {
      kind: SpanKind.CONSUMER,
      links,
      attributes: {
        ...messageAttributes('process', 'tasks'),
        'messaging.message.id': task.jobid,
        'messaging.client.id': workerId,
        'lamplighter.attempt': task.attempt,
      },
    },
    isChild ? trace.setSpanContext(ROOT_CONTEXT, sent) : ROOT_CONTEXT,
  );
  return (end) => {
    span.setAttribute('lamplighter.outcome', end ?? 'lost');
    if (end === 'failed') {
      span.setAttribute('error.type', 'failed');
      span.setStatus({ code: SpanStatusCode.ERROR });
    }
    span.end();
  };
}
