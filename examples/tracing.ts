// Traces a request from the program that sends it to the model that answers, in a database where `lamplighter migrate` was run:
//   DATABASE_URL=postgresql://... npx tsx examples/tracing.ts
import { trace } from '@opentelemetry/api';
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { createClient, createWorker } from '../src/index.ts';

// Yours: most often NodeSDK from @opentelemetry/sdk-node, with an exporter for OTLP.
const exporter = new InMemorySpanExporter();
trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }));

const worker = await createWorker();
const client = createClient();
await client.wait(await client.embed('A worker renews its lease.'));
await client.close();
await worker.stop();

const spans = exporter.getFinishedSpans();
const print = (parent: string | undefined, indent: string): void => {
  for (const span of spans.filter(({ parentSpanContext }) => parentSpanContext?.spanId === parent)) {
    console.log(`${indent}${span.name}`);
    print(span.spanContext().spanId, `${indent}  `);
  }
};
print(undefined, '');
