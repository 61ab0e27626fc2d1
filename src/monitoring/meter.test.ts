import { expect, test } from 'vitest';
import { createMeter } from './meter.ts';

const MINUTE_MS = 60_000;
const SERVER_MS = 1_000_000 * MINUTE_MS;

function createScene() {
  let nowMs = 5_000;
  const meter = createMeter(() => nowMs);
  meter.open('requests');
  return {
    meter,
    lane: meter.lane('requests', 'embed', 'default'),
    knowTime: () => meter.noteServerTime(SERVER_MS + nowMs, nowMs),
    pass: (ms: number) => {
      nowMs += ms;
    },
    rows: () => meter.changedRows().rows,
  };
}

test('a lane and the total of its system have what was noted in a minute of the server', () => {
  const { meter, lane, knowTime, rows } = createScene();
  knowTime();
  lane.noteEnd('completed', 3);
  lane.noteEnd('failed', 3);
  lane.noteRetry(3);
  lane.noteWait(2_000);
  meter.lane('requests', 'rerank', 'default').noteEnd('completed', 30);
  expect(rows()).toMatchObject([
    { function_name: 'embed', minute_ms: SERVER_MS, completed: 1, failed: 1, retries: 1, runs: [0, 0, 3] },
    { function_name: 'rerank', minute_ms: SERVER_MS, completed: 1 },
    { function_name: '', minute_ms: SERVER_MS, completed: 2, failed: 1, retries: 1 },
  ]);
});

test('what was confirmed is not told again, until it changes; the total of the minute is always told', () => {
  const { meter, lane, knowTime, rows } = createScene();
  knowTime();
  lane.noteEnd('completed', 3);
  meter.changedRows().confirm();
  expect(rows()).toMatchObject([{ function_name: '', completed: 1 }]);
  lane.noteEnd('completed', 3);
  expect(rows()).toMatchObject([
    { function_name: 'embed', completed: 2 },
    { function_name: '', completed: 2 },
  ]);
});

test('what was not confirmed is told with its own minute later, and given up after ten', () => {
  const { lane, knowTime, pass, rows } = createScene();
  knowTime();
  lane.noteEnd('completed', 3);
  pass(3 * MINUTE_MS);
  lane.noteEnd('completed', 3);
  expect(rows().filter(({ function_name }) => function_name === 'embed')).toMatchObject([
    { minute_ms: SERVER_MS, completed: 1 },
    { minute_ms: SERVER_MS + 3 * MINUTE_MS, completed: 1 },
  ]);
  pass(10 * MINUTE_MS);
  expect(rows().filter(({ function_name }) => function_name === 'embed')).toMatchObject([
    { minute_ms: SERVER_MS + 3 * MINUTE_MS },
  ]);
});

test('what is noted before the clock of the server is known belongs to the minute in which it becomes known', () => {
  const { lane, knowTime, rows } = createScene();
  lane.noteEnd('completed', 3);
  expect(rows()).toEqual([]);
  knowTime();
  lane.noteEnd('completed', 3);
  expect(rows()).toMatchObject([
    { function_name: 'embed', completed: 2 },
    { function_name: '', completed: 2 },
  ]);
});

test('totals of a lane go on over minutes', () => {
  const { lane, knowTime, pass } = createScene();
  knowTime();
  lane.noteEnd('completed', 500);
  pass(20 * MINUTE_MS);
  lane.noteEnd('completed', 500);
  lane.noteTokens(7);
  expect(lane.totals).toMatchObject({ completed: 2, tokens: 7, runSumS: 1 });
});
