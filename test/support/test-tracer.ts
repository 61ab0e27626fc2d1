import { AsyncLocalStorage } from 'node:async_hooks';
import { type Context, type ContextManager, context, ROOT_CONTEXT, trace } from '@opentelemetry/api';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { expect } from 'vitest';
import { eventually } from './eventually.ts';

export interface TestTracer extends Disposable {
  /** What has ended since the last `clear`, in the order of the ends. */
  spans(): ReadableSpan[];
  /** Waits until so many spans of a name have ended. */
  ended(name: string, count?: number): Promise<ReadableSpan[]>;
  clear(): void;
}

/** Registers an SDK for this process, as a user's program does: spans stay in memory. */
export function registerTestTracer(): TestTracer {
  const exporter = new InMemorySpanExporter();
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
  trace.setGlobalTracerProvider(provider);
  context.setGlobalContextManager(createContextManager());
  const spans = () => exporter.getFinishedSpans();
  return {
    spans,
    ended: (name, count = 1) =>
      eventually(async () => {
        const found = spans().filter((span) => span.name === name);
        expect(found.length).toBeGreaterThanOrEqual(count);
        return found;
      }),
    clear: () => exporter.reset(),
    [Symbol.dispose]() {
      trace.disable();
      context.disable();
    },
  };
}

/** What the SDK for Node does, of which only the base is installed here. */
function createContextManager(): ContextManager {
  const storage = new AsyncLocalStorage<Context>();
  const manager: ContextManager = {
    active: () => storage.getStore() ?? ROOT_CONTEXT,
    with: (given, work, self, ...args) => storage.run(given, () => work.apply(self, args)),
    bind: (_given, target) => target,
    enable: () => manager,
    disable: () => manager,
  };
  return manager;
}

/** The ids that parents and links are compared by. */
export function idOf(span: ReadableSpan | undefined): { readonly traceId: string; readonly spanId: string } {
  const { traceId = '', spanId = '' } = span?.spanContext() ?? {};
  return { traceId, spanId };
}
