import { expect, test } from 'vitest';
import { type Clock, systemClock } from './clock.ts';
import { startLoop } from './service.ts';

/** Resolves each delay only when told to, and records what was asked for. */
function createManualClock() {
  const asked: number[] = [];
  let release = () => {};
  let onAsked = () => {};
  const clock: Clock = {
    nowMs: () => 0,
    delay: (ms, signal) =>
      new Promise((resolve) => {
        asked.push(ms);
        release = resolve;
        signal?.addEventListener('abort', () => resolve());
        onAsked();
      }),
  };
  const nextDelay = () => new Promise<void>((resolve) => (onAsked = resolve));
  return { clock, asked, nextDelay, release: () => release() };
}

test('passes never overlap, and stop waits for the running one', async () => {
  let running = 0;
  let most = 0;
  let finish = () => {};
  let begin = () => {};
  const started = new Promise<void>((resolve) => {
    begin = resolve;
  });
  const loop = startLoop({
    intervalMs: 0,
    onError: () => {},
    runOnce: async () => {
      running += 1;
      most = Math.max(most, running);
      begin();
      await new Promise<void>((resolve) => (finish = resolve));
      running -= 1;
    },
  });
  await started;
  loop.wake();
  const stopped = loop.stop();
  finish();
  await stopped;
  await loop.stop();
  expect({ running, most }).toEqual({ running: 0, most: 1 });
});

test('a wake during the first pass that fails does not cut its pause short', async () => {
  const manual = createManualClock();
  let passes = 0;
  let wakeLoop = () => {};
  const atRest = manual.nextDelay();
  const loop = startLoop({
    clock: manual.clock,
    intervalMs: 0,
    onError: () => {},
    runOnce: async () => {
      passes += 1;
      wakeLoop();
      throw new Error('no luck');
    },
  });
  wakeLoop = () => loop.wake();
  await atRest;
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
  expect({ passes, pauses: manual.asked.length }).toEqual({ passes: 1, pauses: 1 });
  await loop.stop();
});

test('a wake during a pass starts the next one without a pause', async () => {
  const manual = createManualClock();
  let passes = 0;
  const atRest = manual.nextDelay();
  const loop = startLoop({
    clock: manual.clock,
    intervalMs: 1_000,
    onError: () => {},
    runOnce: async () => {
      passes += 1;
      if (passes === 1) loop.wake();
    },
  });
  await atRest;
  expect(passes).toBe(2);
  await loop.stop();
});

test('a wake during the pause ends it', async () => {
  const manual = createManualClock();
  let passes = 0;
  const loop = startLoop({
    clock: manual.clock,
    intervalMs: 1_000,
    onError: () => {},
    runOnce: async () => {
      passes += 1;
    },
  });
  await manual.nextDelay();
  const again = manual.nextDelay();
  loop.wake();
  await again;
  expect(passes).toBe(2);
  await loop.stop();
});

test('the interval is asked for anew after each pass', async () => {
  const manual = createManualClock();
  let intervalMs = 10;
  const loop = startLoop({
    clock: manual.clock,
    intervalMs: () => intervalMs++,
    onError: () => {},
    runOnce: async () => {},
  });
  await manual.nextDelay();
  const again = manual.nextDelay();
  manual.release();
  await again;
  expect(manual.asked).toEqual([10, 11]);
  await loop.stop();
});

test('failed passes are reported, and the pause grows until one succeeds', async () => {
  const manual = createManualClock();
  const errors: unknown[] = [];
  let isBroken = true;
  const loop = startLoop({
    clock: manual.clock,
    intervalMs: 0,
    onError: (error) => errors.push(error),
    runOnce: async () => {
      if (isBroken) throw new Error('outage');
    },
  });
  for (let i = 0; i < 12; i++) {
    const next = manual.nextDelay();
    if (i > 0) manual.release();
    if (i === 11) isBroken = false;
    await next;
  }
  expect(errors).toHaveLength(11);
  expect(manual.asked[0]).toBeGreaterThanOrEqual(50);
  expect(manual.asked[10]).toBeGreaterThanOrEqual(5_000);
  expect(Math.max(...manual.asked)).toBeLessThanOrEqual(10_000);
  expect(manual.asked[11]).toBe(0);
  await loop.stop();
});

test('stop aborts the signal of the running pass, and the failure that follows is not reported', async () => {
  const errors: unknown[] = [];
  let begin = () => {};
  const started = new Promise<void>((resolve) => {
    begin = resolve;
  });
  const loop = startLoop({
    clock: systemClock,
    intervalMs: 0,
    onError: (error) => errors.push(error),
    runOnce: async (signal) => {
      begin();
      await systemClock.delay(60_000, signal);
      signal.throwIfAborted();
    },
  });
  await started;
  await loop.stop();
  expect(errors).toEqual([]);
});

test('a loop that fails itself tells so once, and stop reports it', async () => {
  const deaths: unknown[] = [];
  const fault = new Error('the log cannot be written');
  let tellDeath = () => {};
  const died = new Promise<void>((resolve) => {
    tellDeath = resolve;
  });
  const loop = startLoop({
    clock: systemClock,
    intervalMs: 0,
    onError() {
      throw fault;
    },
    onDeath(error) {
      deaths.push(error);
      tellDeath();
    },
    runOnce: () => Promise.reject(new Error('outage')),
  });
  await died;
  expect(deaths).toEqual([fault]);
  await expect(loop.stop()).rejects.toBe(fault);
});

test('a pause after failed passes ends when the trouble may be over, and the next one is short', async () => {
  const manual = createManualClock();
  let atRest = manual.nextDelay();
  const loop = startLoop({
    clock: manual.clock,
    intervalMs: 0,
    onError: () => {},
    runOnce: async () => {
      throw new Error('away');
    },
  });
  for (let n = 0; n < 6; n += 1) {
    await atRest;
    atRest = manual.nextDelay();
    if (n < 5) manual.release();
    else loop.tryAgain();
  }
  await atRest;
  expect(manual.asked[5]).toBeGreaterThanOrEqual(1_600);
  expect(manual.asked[6]).toBeLessThanOrEqual(200);
  await loop.stop();
});
