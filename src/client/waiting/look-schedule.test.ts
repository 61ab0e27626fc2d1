import { expect, test } from 'vitest';
import { createLookSchedule } from './look-schedule.ts';

test('the first look is due at once', () => {
  expect(createLookSchedule(1_000).nextLookMs).toBe(1_000);
});

test.each([
  ['polling, at first', false, 0, 20],
  ['polling, later', false, 2_000, 500],
  ['polling, at most', false, 60_000, 1_000],
  ['listening, at first', true, 0, 500],
  ['listening, at most', true, 60_000, 10_000],
])('the pause grows with the age of the wait: %s', (_, isListening, ageMs, pauseMs) => {
  const schedule = createLookSchedule(0);
  schedule.begin(ageMs, isListening);
  expect(schedule.nextLookMs).toBe(ageMs + pauseMs);
});

test('an event brings the next look forward to now', () => {
  const schedule = createLookSchedule(0);
  schedule.begin(0, true);
  schedule.hint(3);
  expect(schedule.nextLookMs).toBe(3);
});

test('an event that comes during a look leads to another one', () => {
  const schedule = createLookSchedule(0);
  schedule.begin(0, true);
  schedule.hint(1);
  schedule.missed();
  expect(schedule.nextLookMs).toBe(1);
});

test('false events earn pauses that double up to a second, and put no look off', () => {
  const schedule = createLookSchedule(0);
  const pauses = [];
  let nowMs = 20_000;
  schedule.begin(nowMs, true);
  for (let round = 0; round < 9; round++) {
    schedule.hint(nowMs);
    pauses.push(schedule.nextLookMs - nowMs);
    nowMs = schedule.nextLookMs;
    schedule.begin(nowMs, true);
    schedule.missed();
  }
  expect(pauses).toEqual([0, 20, 40, 80, 160, 320, 640, 1_000, 1_000]);
});

test('a resync looks at once in spite of false events', () => {
  const schedule = createLookSchedule(0);
  for (let nowMs = 0; nowMs < 10; nowMs++) {
    schedule.hint(nowMs);
    schedule.begin(nowMs, true);
    schedule.missed();
  }
  schedule.resync(10);
  expect(schedule.nextLookMs).toBe(10);
});

test('a look takes along what is due within half of its pause', () => {
  const schedule = createLookSchedule(0);
  schedule.begin(4_000, false);
  expect([4_400, 4_500].map((nowMs) => schedule.isNear(nowMs))).toEqual([false, true]);
});
