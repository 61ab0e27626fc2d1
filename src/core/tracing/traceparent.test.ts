import { expect, test } from 'vitest';
import { formatTraceparent, parseTraceparent } from './traceparent.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';

test('a traceparent names a span of another process, and is written as it was read', () => {
  const context = parseTraceparent(`00-${TRACE}-${SPAN}-01`);
  expect(context).toEqual({ traceId: TRACE, spanId: SPAN, traceFlags: 1, isRemote: true });
  expect(context && formatTraceparent(context)).toBe(`00-${TRACE}-${SPAN}-01`);
});

test('a later version is read as this one, and flags that are not known are left out', () => {
  expect(parseTraceparent(`cc-${TRACE}-${SPAN}-fe`)?.traceFlags).toBe(0);
});

test.each([
  undefined,
  null,
  '',
  `00-${TRACE}-${SPAN}`,
  `00-${TRACE}-${SPAN}-01 `,
  `00-${TRACE}-${SPAN}-01-more`,
  `00-${TRACE.toUpperCase()}-${SPAN}-01`,
  `ff-${TRACE}-${SPAN}-01`,
  `00-${'0'.repeat(32)}-${SPAN}-01`,
  `00-${TRACE}-${'0'.repeat(16)}-01`,
])('%s is none', (text) => {
  expect(parseTraceparent(text)).toBeUndefined();
});

test('a span without an id has no traceparent', () => {
  expect(formatTraceparent({ traceId: '0'.repeat(32), spanId: SPAN, traceFlags: 1 })).toBeUndefined();
});
