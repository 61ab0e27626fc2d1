import { SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { LamplighterError } from '../core/errors.ts';
import { activeTracer } from '../core/tracing/active-tracer.ts';
import { messageAttributes } from '../core/tracing/message-attributes.ts';
import { formatTraceparent } from '../core/tracing/traceparent.ts';
import type { Queryable } from '../db/query.ts';

export interface Enqueue {
  /** A function, or `tasks`. */
  readonly destination: string;
  readonly isBatch: boolean;
  /** A statement that gives one column, the ids as texts. */
  readonly text: string;
  readonly values: readonly unknown[];
}

/** The ids of what a statement queues; within a span `send` and under its traceparent where the program has registered a tracer. */
export async function tracedEnqueue(db: Queryable, enqueue: Enqueue): Promise<string[]> {
  const { destination, isBatch, text, values } = enqueue;
  const tracer = activeTracer();
  if (tracer === undefined) return idsOf(await db.query<Record<string, string>>(text, values));
  const attributes = messageAttributes('send', destination);
  const span = tracer.startSpan(`send ${destination}`, { kind: SpanKind.PRODUCER, attributes });
  try {
    const traceparent = formatTraceparent(span.spanContext());
    const result =
      traceparent === undefined
        ? await db.query<Record<string, string>>(text, values)
        : await db.query<Record<string, string>>(underTraceparent(text, values.length + 1), [...values, traceparent]);
    const ids = idsOf(result);
    if (isBatch) span.setAttribute('messaging.batch.message_count', ids.length);
    else span.setAttribute('messaging.message.id', ids[0] ?? '');
    return ids;
  } catch (error) {
    // Not its message, which may quote the request.
    span.setAttribute('error.type', error instanceof LamplighterError ? error.code : 'error');
    span.setStatus({ code: SpanStatusCode.ERROR });
    throw error;
  } finally {
    span.end();
  }
}

const idsOf = ({ rows }: { readonly rows: readonly Readonly<Record<string, string>>[] }) =>
  rows.flatMap((row) => Object.values(row).slice(0, 1));

/**
 * The statement under the traceparent in the last parameter, as one statement, since the next one may go to another connection. The setting
 * holds for no longer than this statement, in the caller's transaction too. Each step needs a column of the one before, and no step can be
 * merged with another, so that they run in this order: keep what is set, set, queue, set back.
 */
function underTraceparent(text: string, parameter: number): string {
  return `select u.id
from (
  select k.kept, pg_catalog.set_config('lamplighter.traceparent', $${parameter}::text, true) as current
  from (select coalesce(pg_catalog.current_setting('lamplighter.traceparent', true), '') as kept offset 0) as k
  offset 0
) as s
cross join lateral (select case when s.current is not null then array(${text}) end as ids offset 0) as q
cross join lateral pg_catalog.unnest(
  case when pg_catalog.set_config('lamplighter.traceparent', s.kept, true) is not null then q.ids end
) with ordinality as u (id, position)
order by u.position`;
}
