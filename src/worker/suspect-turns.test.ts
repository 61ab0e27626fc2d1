import { beforeEach, expect, test } from 'vitest';
import type { Clock } from '../core/clock.ts';
import { createSuspectTurns, type SuspectTurns } from './suspect-turns.ts';

let nowMs: number;
let turns: SuspectTurns;
beforeEach(() => {
  nowMs = 1_000;
  const clock: Clock = { nowMs: () => nowMs, delay: async () => undefined };
  turns = createSuspectTurns(clock);
});

/** How long a busy worker goes on with others before it makes room. */
function patienceMs(): number {
  turns.note();
  const startMs = nowMs;
  while (turns.next(false) === 'others') nowMs += 100;
  return nowMs - startMs;
}

test('without suspects there are only others', () => {
  expect([turns.next(true), turns.next(false)]).toEqual(['others', 'others']);
});

test('an idle worker runs suspects at once', () => {
  turns.note();
  expect(turns.next(true)).toBe('run');
});

test('a busy worker goes on for a second and then makes room', () => {
  expect(patienceMs()).toBeGreaterThan(1_000);
  expect(turns.next(false)).toBe('drain');
  expect(turns.next(true)).toBe('run');
});

test('after a second of suspects others have their turn, and a second later suspects again', () => {
  turns.note();
  expect(turns.next(true)).toBe('run');
  turns.found();
  nowMs += 999;
  expect(turns.next(true)).toBe('run');
  nowMs += 1;
  expect(turns.next(true)).toBe('others');
  expect(turns.next(false)).toBe('others');
  nowMs += 1_001;
  expect(turns.next(false)).toBe('drain');
});

test('a worker that made room for nothing waits twice as long the next time, up to five minutes', () => {
  const waits = Array.from({ length: 11 }, () => {
    const waited = patienceMs();
    expect(turns.next(true)).toBe('run');
    turns.foundNone();
    return Math.floor(waited / 1_000);
  });
  expect(waits).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
});

test('finding one makes it as patient as before; finding none while idle costs nothing', () => {
  patienceMs();
  turns.foundNone();
  for (let n = 0; n < 5; n += 1) {
    turns.note();
    expect(turns.next(true)).toBe('run');
    turns.foundNone();
  }
  expect(Math.floor(patienceMs() / 1_000)).toBe(2);
  turns.found();
  turns.foundNone();
  expect(Math.floor(patienceMs() / 1_000)).toBe(1);
});
