import { getEventListeners } from 'node:events';
import { expect, test } from 'vitest';
import { onAbort } from './on-abort.ts';

test('however many listen to a signal, it has one listener, and none once they have all stopped', () => {
  const { signal } = new AbortController();
  const stops = Array.from({ length: 20 }, () => onAbort(signal, () => undefined));
  expect(getEventListeners(signal, 'abort')).toHaveLength(1);
  for (const stop of stops) stop();
  expect(getEventListeners(signal, 'abort')).toHaveLength(0);
});

test('an abort calls each that still listens, once', () => {
  const aborting = new AbortController();
  const called: string[] = [];
  onAbort(aborting.signal, () => called.push('first'));
  onAbort(aborting.signal, () => called.push('stopped'))();
  onAbort(aborting.signal, () => called.push('second'));
  aborting.abort();
  aborting.abort();
  expect(called).toEqual(['first', 'second']);
  expect(onAbort(undefined, () => called.push('never'))).not.toThrow();
});
