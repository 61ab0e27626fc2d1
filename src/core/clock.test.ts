import { expect, test } from 'vitest';
import { systemClock } from './clock.ts';

test('an aborted delay resolves at once, before and during the wait', async () => {
  const controller = new AbortController();
  const waiting = systemClock.delay(60_000, controller.signal);
  controller.abort();
  await waiting;
  await systemClock.delay(60_000, controller.signal);
});

test('a delay beyond what a timer holds does not fire at once', async () => {
  const controller = new AbortController();
  let isOver = false;
  const waiting = systemClock.delay(2 ** 40, controller.signal).then(() => {
    isOver = true;
  });
  await systemClock.delay(20);
  expect(isOver).toBe(false);
  controller.abort();
  await waiting;
});
