import type { Reading } from '../core/config/option-values.ts';

/** Where the id of a trace stands in the address of its page. */
const PLACE = '{trace_id}';

/** Reads the address of a trace's page in a tracing system, such as `https://jaeger.example.com/trace/{trace_id}`. */
export function readTraceUrl(text: string): Reading<string> {
  const protocol = URL.canParse(text) ? new URL(text).protocol : '';
  if (text.includes(PLACE) && /^https?:$/.test(protocol)) return { value: text };
  return { expected: `an http or https address with ${PLACE} in it` };
}
