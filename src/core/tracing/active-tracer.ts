import { ProxyTracerProvider, type Tracer, trace } from '@opentelemetry/api';
import { VERSION } from '../version.ts';

const NAME = 'lamplighter';

/**
 * The tracer of the OpenTelemetry SDK that the program has registered, now or later; undefined without one. Who asks it first, makes no
 * spans that go nowhere, with their attributes: for each request these would take several times as long.
 */
export function activeTracer(): Tracer | undefined {
  const provider = trace.getTracerProvider();
  return provider instanceof ProxyTracerProvider
    ? provider.getDelegateTracer(NAME, VERSION)
    : provider.getTracer(NAME, VERSION);
}
