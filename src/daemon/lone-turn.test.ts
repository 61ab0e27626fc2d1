import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { Clock } from '../core/clock.ts';
import { aloneMsAfter, createLoneTurn } from './lone-turn.ts';

const never = new AbortController().signal;
const aSecond = { aloneMs: 1_000, onCompany: async () => undefined };

/** Time that passes when told to. */
function createStepClock() {
  const timers = new Set<{ readonly atMs: number; readonly fire: () => void }>();
  let nowMs = 0;
  const clock: Clock = {
    nowMs: () => nowMs,
    delay: (ms, signal) =>
      new Promise((resolve) => {
        const fire = () => {
          timers.delete(timer);
          resolve();
        };
        const timer = { atMs: nowMs + ms, fire };
        timers.add(timer);
        signal?.addEventListener('abort', fire, { once: true });
      }),
  };
  const pass = async (ms: number) => {
    await nextTurn();
    nowMs += ms;
    for (const timer of [...timers]) if (timer.atMs <= nowMs) timer.fire();
    await nextTurn();
  };
  return { clock, pass };
}

function createScene() {
  const { clock, pass } = createStepClock();
  const turn = createLoneTurn(clock);
  const log: string[] = [];
  const ends = new Map<string, () => void>();
  const work = (name: string) => () => {
    log.push(`${name} begins`);
    return new Promise<string>((resolve) => ends.set(name, () => resolve(name))).finally(() =>
      log.push(`${name} ends`),
    );
  };
  const end = async (name: string) => {
    await pass(0);
    ends.get(name)?.();
    await pass(0);
  };
  return { turn, log, work, end, pass };
}

test('what runs alone waits for companions, and companions that come later wait for it', async () => {
  const { turn, log, work, end, pass } = createScene();
  const all = [turn.among(never, work('a')), turn.among(never, work('b')), turn.alone(never, aSecond, work('lone'))];
  await pass(0);
  all.push(turn.among(never, work('c')));
  for (const name of ['a', 'b', 'lone', 'c']) await end(name);
  await Promise.all(all);
  expect(log).toEqual(['a begins', 'b begins', 'a ends', 'b ends', 'lone begins', 'lone ends', 'c begins', 'c ends']);
});

test('what hangs alone holds the others up for its time only, and they begin once that is noted', async () => {
  const { turn, log, work, end, pass } = createScene();
  const onCompany = async () => void log.push('noted');
  const lone = turn.alone(never, { aloneMs: 1_000, onCompany }, work('lone'));
  await pass(0);
  const companion = turn.among(never, work('companion'));
  await pass(999);
  expect(log).toEqual(['lone begins']);
  await pass(1);
  expect(log).toEqual(['lone begins', 'noted', 'companion begins']);
  await end('companion');
  await end('lone');
  expect(await Promise.all([lone, companion])).toEqual(['lone', 'companion']);
});

test('companions that hang keep it from its turn, and hold up nobody else for longer than 5 s', async () => {
  const { turn, log, work, end, pass } = createScene();
  const hanging = turn.among(never, work('hanging'));
  const lone = turn.alone(never, aSecond, work('lone'));
  await pass(0);
  const later = turn.among(never, work('later'));
  await pass(4_999);
  expect(log).toEqual(['hanging begins']);
  await pass(1);
  expect(await lone).toBeUndefined();
  expect(log).toEqual(['hanging begins', 'later begins']);
  await end('later');
  await end('hanging');
  await Promise.all([hanging, later]);
});

test('between two that run alone the others have four times as long as they were held up', async () => {
  const { turn, log, work, end, pass } = createScene();
  const first = turn.alone(never, aSecond, work('first'));
  const second = turn.alone(never, aSecond, work('second'));
  await pass(0);
  await pass(100);
  await end('first');
  const among = turn.among(never, work('among'));
  await end('among');
  await pass(399);
  expect(log).toEqual(['first begins', 'first ends', 'among begins', 'among ends']);
  await pass(1);
  expect(log.at(-1)).toBe('second begins');
  await end('second');
  await Promise.all([first, second, among]);
});

test('one that is aborted while it waits holds up nobody', async () => {
  const { turn, log, work, end, pass } = createScene();
  const a = turn.among(never, work('a'));
  const controller = new AbortController();
  const lone = turn.alone(controller.signal, aSecond, work('lone'));
  await pass(0);
  const b = turn.among(never, work('b'));
  controller.abort(new Error('stopping'));
  await expect(lone).rejects.toThrow('stopping');
  await end('a');
  await end('b');
  await Promise.all([a, b]);
  expect(log).toEqual(['a begins', 'b begins', 'a ends', 'b ends']);
});

test('what kills late is kept apart for longer with each death, up to 5 minutes', () => {
  expect([1, 2, 3, 7, 40].map(aloneMsAfter)).toEqual([5_000, 10_000, 20_000, 300_000, 300_000]);
});
