import { ROOT_CONTEXT, type Span, SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { LamplighterError } from '../core/errors.ts';
import { activeTracer } from '../core/tracing/active-tracer.ts';
import type { EmbeddingBatch } from '../embeddings/embedding-batch.ts';
import type { WriteReport } from '../embeddings/write-vectors.ts';
import type { TurnKind } from './model-turns.ts';

/**
 * Begins a span `embed rows` for a batch of a job, from its claim to its vectors, where the program has registered a tracer. Of the rows it
 * tells how many there were, and neither keys nor texts.
 */
export function startBatchSpan(jobId: string, batch: EmbeddingBatch, kind: TurnKind): Span | undefined {
  return activeTracer()?.startSpan(
    'embed rows',
    {
      kind: SpanKind.INTERNAL,
      attributes: { 'lamplighter.job': jobId, 'lamplighter.kind': kind, 'lamplighter.items': batch.rows.length },
    },
    ROOT_CONTEXT,
  );
}

/** Says what became of the batch's rows. */
export function noteWritten(span: Span | undefined, { written, skipped, failed }: WriteReport): void {
  span?.setAttributes({
    'lamplighter.items_written': written,
    'lamplighter.items_skipped': skipped,
    'lamplighter.items_failed': failed.length,
  });
}

/** Says why nothing came of it, by its class: a message may quote a row. */
export function noteFault(span: Span | undefined, fault: unknown): void {
  span?.setAttribute('error.type', fault instanceof LamplighterError ? fault.code : 'failed');
  span?.setStatus({ code: SpanStatusCode.ERROR });
}

/** The same where the model or its server is away. */
export function noteOutage(span: Span | undefined): void {
  span?.setAttribute('error.type', 'unavailable');
  span?.setStatus({ code: SpanStatusCode.ERROR });
}
