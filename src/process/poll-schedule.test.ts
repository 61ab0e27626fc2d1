import { beforeEach, expect, test } from 'vitest';
import { silentLogger } from '../core/log.ts';
import type { Queryable } from '../db/query.ts';
import { createPollSchedule, type PollSchedule } from './poll-schedule.ts';

let asked: string[];
let failNext: boolean;
let schedule: PollSchedule;
let pollIntervalMs: number;
/** Only counts what would be asked of the database; what it answers is tested with a real one. */
const db: Queryable = {
  async query(text, params) {
    if (failNext) {
      failNext = false;
      throw new Error('the server is away');
    }
    asked.push(text.includes('confirm') ? `confirm ${params?.join(' ')}` : 'request');
    return { rows: [] };
  },
};
beforeEach(() => {
  asked = [];
  failNext = false;
  pollIntervalMs = 1_000;
  schedule = createPollSchedule({
    db,
    topic: 'requests',
    longestPauseMs: () => pollIntervalMs,
    log: silentLogger,
    clock: { nowMs: () => 0, delay: async () => undefined },
  });
});

const settled = () => new Promise((resolve) => setImmediate(resolve));
const pauses = (count: number) => Array.from({ length: count }, () => schedule.nextPauseMs());

test('pauses are short at first, then double up to the poll interval, and begin anew after work', () => {
  schedule.setListening(true);
  expect(pauses(14)).toEqual([2, 2, 2, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_000, 1_000]);
  schedule.reset();
  expect(pauses(5)).toEqual([2, 2, 2, 2, 4]);
});

test('they begin longer where notifications are not heard', () => {
  expect(pauses(7)).toEqual([20, 40, 80, 160, 320, 640, 1_000]);
});

test('a poll interval that has become shorter holds at once', () => {
  pauses(8);
  pollIntervalMs = 10;
  expect(pauses(1)).toEqual([10]);
});

test('a wake-up is asked for once, until one was heard', async () => {
  schedule.setListening(true);
  pauses(3);
  expect([await schedule.requestOnce(), await schedule.requestOnce()]).toEqual([true, false]);
  schedule.noteWakeUp('requests:1');
  await settled();
  pauses(3);
  expect([await schedule.requestOnce(), await schedule.requestOnce()]).toEqual([true, false]);
  expect(asked).toEqual(['request', 'confirm requests 1', 'request']);
});

test('none is asked for while the queue is polled in short pauses after work', async () => {
  schedule.setListening(true);
  expect(await schedule.requestOnce()).toBe(false);
  pauses(2);
  expect(await schedule.requestOnce()).toBe(false);
  pauses(1);
  schedule.reset();
  expect(await schedule.requestOnce()).toBe(false);
  expect(asked).toEqual([]);
});

test('pauses begin anew once it was asked for, as somebody who is about to commit may not have seen it', async () => {
  schedule.setListening(true);
  pauses(3);
  expect(await schedule.requestOnce()).toBe(true);
  expect(pauses(4)).toEqual([2, 4, 8, 16]);
});

test('one is asked for also where the poll interval is shorter than those pauses', async () => {
  pollIntervalMs = 5;
  schedule.setListening(true);
  pauses(3);
  expect(await schedule.requestOnce()).toBe(true);
});

test('a request that failed is made again', async () => {
  schedule.setListening(true);
  pauses(3);
  failNext = true;
  await expect(schedule.requestOnce()).rejects.toThrow('away');
  expect(await schedule.requestOnce()).toBe(true);
});

test('nothing is asked for while notifications are not heard, and anew when they are again', async () => {
  pauses(3);
  expect(await schedule.requestOnce()).toBe(false);
  schedule.setListening(true);
  pauses(3);
  expect(await schedule.requestOnce()).toBe(true);
  schedule.setListening(false);
  pauses(3);
  expect(await schedule.requestOnce()).toBe(false);
  schedule.setListening(true);
  pauses(3);
  expect(await schedule.requestOnce()).toBe(true);
});

test('many notifications of one wake-up are confirmed once', async () => {
  schedule.setListening(true);
  for (const epoch of ['7', '7', '7']) schedule.noteWakeUp(`requests:${epoch}`);
  await settled();
  for (const epoch of ['7', '8', '8']) schedule.noteWakeUp(`requests:${epoch}`);
  await settled();
  for (const epoch of ['8', 'nonsense']) schedule.noteWakeUp(`requests:${epoch}`);
  await settled();
  expect(asked).toEqual(['confirm requests 7', 'confirm requests 8']);
});

test('of many false epochs heard at once the last is confirmed', async () => {
  schedule.setListening(true);
  for (let epoch = 1; epoch <= 1_000; epoch += 1) schedule.noteWakeUp(`requests:${epoch}`);
  await settled();
  expect(asked).toEqual(['confirm requests 1000']);
});

test('a wake-up of its own topic is a reason to scan; one of another topic, and what is no wake-up, is none', async () => {
  schedule.setListening(true);
  expect(schedule.noteWakeUp('requests:3')).toBe(true);
  for (const payload of ['tasks:4', 'mystery:5', 'requests:', 'requests:-1', '']) {
    expect(schedule.noteWakeUp(payload)).toBe(false);
  }
  await settled();
  expect(asked).toEqual(['confirm requests 3']);
});

test('a call for a scan takes down no flag', async () => {
  expect(schedule.noteWakeUp('requests:scan')).toBe(true);
  await settled();
  expect(asked).toEqual([]);
});
