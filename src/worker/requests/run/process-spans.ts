import { type Link, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { activeTracer } from '../../../core/tracing/active-tracer.ts';
import { messageAttributes } from '../../../core/tracing/message-attributes.ts';
import { parseTraceparent } from '../../../core/tracing/traceparent.ts';
import type { Outcome } from '../../../requests/finish-requests.ts';
import type { InFlightRequest } from '../in-flight.ts';

/** What `error.type` says of an outcome; the others are no errors. */
const ERROR_TYPES: Readonly<Partial<Record<Outcome['kind'], string>>> = {
  failed: 'invalid',
  retry: 'failed',
  defer: 'unavailable',
};

/**
 * Begins a span `process` for each request that has none, where the program has registered a tracer. The first attempt is a child of the
 * span that queued the request. A later one is the root of a trace of its own, which may be days younger, with a link to that span.
 */
export function startProcessSpans(entries: readonly InFlightRequest[]): void {
  const tracer = activeTracer();
  if (tracer === undefined) return;
  for (const entry of entries) {
    if (entry.span !== undefined) continue;
    const { requestId, lane, attempt, retryCount, traceparent } = entry.request;
    const sent = parseTraceparent(traceparent);
    const isChild = sent !== undefined && attempt === 1;
    const links: Link[] = sent === undefined || isChild ? [] : [{ context: sent }];
    entry.span = tracer.startSpan(
      `process ${lane.functionName}`,
      {
        kind: SpanKind.CONSUMER,
        links,
        attributes: {
          ...messageAttributes('process', lane.functionName),
          'messaging.message.id': requestId,
          'messaging.client.id': entry.workerId,
          'lamplighter.attempt': attempt,
          'lamplighter.retry_count': retryCount,
        },
      },
      isChild ? trace.setSpanContext(ROOT_CONTEXT, sent) : ROOT_CONTEXT,
    );
  }
}

/** Ends the span of a request whose outcome is recorded. An error is told by its class alone: its message may quote the request. */
export function endProcessSpan(
  entry: InFlightRequest,
  outcome: Outcome,
  status: 'pending' | 'completed' | 'failed',
): void {
  const { span } = entry;
  if (span === undefined) return;
  entry.span = undefined;
  const errorType = ERROR_TYPES[outcome.kind];
  span.setAttribute('lamplighter.outcome', status === 'pending' ? outcome.kind : status);
  if (errorType !== undefined) {
    span.setAttribute('error.type', errorType);
    span.setStatus({ code: SpanStatusCode.ERROR });
  }
  span.end();
}
