import { beforeEach, expect, test } from 'vitest';
import { silentLogger } from '../core/log.ts';
import type { Queryable } from '../db/query.ts';
import { createWaker, type Waker } from './waker.ts';

let asked: string[];
let failNext: boolean;
let waker: Waker;
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
  waker = createWaker(db, () => pollIntervalMs, silentLogger, { nowMs: () => 0, delay: async () => undefined });
});

const settled = () => new Promise((resolve) => setImmediate(resolve));
const pauses = (count: number) => Array.from({ length: count }, () => waker.nextPauseMs());

test('pauses are short at first, then double up to the poll interval, and begin anew after work', () => {
  waker.setListening(true);
  expect(pauses(14)).toEqual([2, 2, 2, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_000, 1_000]);
  waker.reset();
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
  waker.setListening(true);
  pauses(3);
  expect([await waker.requestOnce(), await waker.requestOnce()]).toEqual([true, false]);
  waker.onWakeUp('1');
  await settled();
  pauses(3);
  expect([await waker.requestOnce(), await waker.requestOnce()]).toEqual([true, false]);
  expect(asked).toEqual(['request', 'confirm requests 1', 'request']);
});

test('none is asked for while the queue is polled in short pauses after work', async () => {
  waker.setListening(true);
  expect(await waker.requestOnce()).toBe(false);
  pauses(2);
  expect(await waker.requestOnce()).toBe(false);
  pauses(1);
  waker.reset();
  expect(await waker.requestOnce()).toBe(false);
  expect(asked).toEqual([]);
});

test('pauses begin anew once it was asked for, as somebody who is about to commit may not have seen it', async () => {
  waker.setListening(true);
  pauses(3);
  expect(await waker.requestOnce()).toBe(true);
  expect(pauses(4)).toEqual([2, 4, 8, 16]);
});

test('one is asked for also where the poll interval is shorter than those pauses', async () => {
  pollIntervalMs = 5;
  waker.setListening(true);
  pauses(3);
  expect(await waker.requestOnce()).toBe(true);
});

test('a request that failed is made again', async () => {
  waker.setListening(true);
  pauses(3);
  failNext = true;
  await expect(waker.requestOnce()).rejects.toThrow('away');
  expect(await waker.requestOnce()).toBe(true);
});

test('nothing is asked for while notifications are not heard, and anew when they are again', async () => {
  pauses(3);
  expect(await waker.requestOnce()).toBe(false);
  waker.setListening(true);
  pauses(3);
  expect(await waker.requestOnce()).toBe(true);
  waker.setListening(false);
  pauses(3);
  expect(await waker.requestOnce()).toBe(false);
  waker.setListening(true);
  pauses(3);
  expect(await waker.requestOnce()).toBe(true);
});

test('many notifications of one wake-up are confirmed once', async () => {
  waker.setListening(true);
  for (const epoch of ['7', '7', '7']) waker.onWakeUp(epoch);
  await settled();
  for (const epoch of ['7', '8', '8']) waker.onWakeUp(epoch);
  await settled();
  waker.onWakeUp('8');
  await settled();
  expect(asked).toEqual(['confirm requests 7', 'confirm requests 8']);
});

test('of many false epochs heard at once the last is confirmed', async () => {
  waker.setListening(true);
  for (let epoch = 1; epoch <= 1_000; epoch += 1) waker.onWakeUp(String(epoch));
  await settled();
  expect(asked).toEqual(['confirm requests 1000']);
});
