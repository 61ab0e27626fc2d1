import {
  type Attributes,
  context,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import type { RequestFunction } from '../core/request-functions.ts';
import { activeTracer } from '../core/tracing/active-tracer.ts';
import type { ItemOutcome } from './outcome.ts';
import type { Model } from './port.ts';

/** Runtimes that ask another machine. */
const REMOTE: ReadonlySet<string> = new Set(['openai', 'cohere']);

export interface ModelCall {
  readonly model: Pick<Model, 'name' | 'runtime' | 'dimensions'>;
  readonly functionName: RequestFunction;
  readonly itemCount: number;
  /** What asks: its only span is the parent of the call's; to several the call is linked, and they to it. */
  readonly askers: () => readonly Span[];
}

/**
 * Runs a call of a model within a span by the semantic conventions for generative AI, where the program has registered a tracer. The
 * span is the active one meanwhile, so that instruments of HTTP add theirs. It is an error when the call comes to nothing, or no item
 * was answered. No text of a request or an answer is in it.
 */
export function traceModelCall<Value>(
  call: ModelCall,
  run: () => Promise<readonly ItemOutcome<Value>[]>,
): Promise<readonly ItemOutcome<Value>[]> {
  const tracer = activeTracer();
  return tracer === undefined ? run() : runTraced(tracer, call, run);
}

async function runTraced<Value>(
  tracer: Tracer,
  call: ModelCall,
  run: () => Promise<readonly ItemOutcome<Value>[]>,
): Promise<readonly ItemOutcome<Value>[]> {
  const { span, within } = startCallSpan(tracer, call);
  try {
    const outcomes = await context.with(within, run);
    noteOutcomes(span, outcomes);
    return outcomes;
  } catch (error) {
    span.setAttribute('error.type', 'failed');
    span.setStatus({ code: SpanStatusCode.ERROR });
    throw error;
  } finally {
    span.end();
  }
}

function startCallSpan(tracer: Tracer, { model, functionName, itemCount, askers }: ModelCall) {
  const { name, attributes } = describe(functionName, model);
  const spans = askers();
  const [only] = spans;
  const isChild = only !== undefined && spans.length === 1;
  const parent = isChild ? trace.setSpan(ROOT_CONTEXT, only) : ROOT_CONTEXT;
  const span = tracer.startSpan(
    `${name} ${model.name}`,
    {
      kind: REMOTE.has(model.runtime) ? SpanKind.CLIENT : SpanKind.INTERNAL,
      links: isChild ? [] : spans.map((asker) => ({ context: asker.spanContext() })),
      attributes: { ...attributes, 'lamplighter.items': itemCount },
    },
    parent,
  );
  if (!isChild) for (const asker of spans) asker.addLink({ context: span.spanContext() });
  return { span, within: trace.setSpan(parent, span) };
}

function describe(
  functionName: RequestFunction,
  { name: model, runtime, dimensions }: ModelCall['model'],
): { readonly name: string; readonly attributes: Attributes } {
  const common = { 'gen_ai.provider.name': runtime, 'gen_ai.request.model': model };
  if (functionName === 'embed') {
    return {
      name: 'embeddings',
      attributes: {
        ...common,
        'gen_ai.operation.name': 'embeddings',
        ...(dimensions !== undefined && { 'gen_ai.embeddings.dimension.count': dimensions }),
      },
    };
  }
  if (functionName === 'rerank')
    return { name: 'rerank', attributes: { ...common, 'gen_ai.operation.name': 'rerank' } };
  const output = functionName === 'generate_json' ? 'json' : 'text';
  return {
    name: 'text_completion',
    attributes: { ...common, 'gen_ai.operation.name': 'text_completion', 'gen_ai.output.type': output },
  };
}

function noteOutcomes(span: Span, outcomes: readonly ItemOutcome<unknown>[]): void {
  const errors = outcomes.flatMap((outcome) => (outcome.ok ? [] : [outcome.error]));
  const told = outcomes.flatMap((outcome) => (outcome.ok ? (outcome.tokens ?? []) : []));
  if (told.length > 0)
    span.setAttribute(
      'gen_ai.usage.input_tokens',
      told.reduce((sum, tokens) => sum + tokens, 0),
    );
  const [first] = errors;
  if (first === undefined) return;
  span.setAttribute('lamplighter.items_failed', errors.length);
  if (errors.length < outcomes.length) return;
  span.setAttribute('error.type', first.kind);
  span.setStatus({ code: SpanStatusCode.ERROR });
}
