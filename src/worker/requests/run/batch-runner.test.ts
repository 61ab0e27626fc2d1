import { beforeEach, expect, test } from 'vitest';
import type { Clock } from '../../../core/clock.ts';
import { silentLogger } from '../../../core/log.ts';
import { defineModel } from '../../../models/define-model.ts';
import type { ClaimedRequest } from '../../../requests/claimed-request.ts';
import { createInFlight, type InFlightRequest } from '../in-flight.ts';
import { type BatchRunner, createBatchRunner, createConcurrencyLimit } from './batch-runner.ts';

const lane = { functionName: 'embed', model: 'default' } as const;
const model = defineModel({
  name: 'm',
  runtime: 'test',
  fingerprint: 'm',
  maxConcurrency: 9,
  embed: { run: async () => [] },
});

/** What the executor was given and has not ended yet, by the ids of its batch; those whose work was broken off end at once. */
let running: Map<string, () => void>;
let handedBack: string[];
let nowMs: number;
let pass: () => void;
let rooms: number;
let runner: BatchRunner;

const idsOf = (batch: readonly InFlightRequest[]) => batch.map(({ request }) => request.id).join(' ');
const clock: Clock = {
  nowMs: () => nowMs,
  delay: () =>
    new Promise((resolve) => {
      pass = resolve;
    }),
};

beforeEach(() => {
  running = new Map();
  handedBack = [];
  nowMs = 0;
  rooms = 0;
  runner = createBatchRunner({
    served: { lanes: [lane], report: { served: [], notServed: [] }, modelOf: () => model },
    concurrency: () => 1,
    inFlight: createInFlight(),
    executor: (_model, batch) => {
      if (batch.some(({ abortReason }) => abortReason === 'stopping')) {
        handedBack.push(idsOf(batch));
        return Promise.resolve();
      }
      return new Promise((resolve) => running.set(idsOf(batch), resolve));
    },
    onRoom: () => {
      rooms += 1;
    },
    log: silentLogger,
    clock,
  });
});

let claimNumber = 0;
function start(...ids: string[]) {
  claimNumber += 1;
  const requests = ids.map((id): ClaimedRequest => {
    const times = { priority: 0, createdUs: '0', attempt: 1, retryCount: 0 };
    return { id, requestId: id, lane, username: 'app', parameters: '{}', ...times };
  });
  return runner.start(lane, requests, { workerId: 'w', claimNumber });
}

/** Ends a batch that ran for so long. */
async function end(ids: string, ms: number): Promise<void> {
  nowMs += ms;
  running.get(ids)?.();
  running.delete(ids);
  await new Promise((resolve) => setImmediate(resolve));
}

test('before anything is known, only what has a slot is claimed', () => {
  expect(runner.roomFor(lane, true)).toBe(1);
  start('1');
  expect([runner.roomFor(lane, true), [...running.keys()], runner.isIdle(lane)]).toEqual([0, ['1'], false]);
});

test('of short batches some milliseconds are claimed ahead, and run in the order in which they came', async () => {
  start('1');
  await end('1', 0.5);
  expect([runner.roomFor(lane, true), runner.roomFor(lane, false), rooms]).toEqual([1 + 10, 1, 1]);
  start('2', '3', '4');
  expect([...running.keys()]).toEqual(['2']);
  expect([runner.roomFor(lane, true), runner.roomFor(lane, false)]).toEqual([8, 0]);
  await end('2', 0.5);
  expect([...running.keys()]).toEqual(['3']);
  await end('3', 0.5);
  expect(runner.isIdle(lane)).toBe(false);
  const idle = runner.idle(lane);
  await end('4', 0.5);
  await idle;
  expect(runner.isIdle(lane)).toBe(true);
});

test('more is claimed only once half of what may wait has gone', async () => {
  start('1');
  await end('1', 0.5);
  start('2', ...Array.from({ length: 6 }, (_, n) => `w${n}`));
  expect(runner.roomFor(lane, true)).toBe(0);
  await end('2', 0.5);
  expect(runner.roomFor(lane, true)).toBe(5);
});

test('nothing is claimed ahead of batches that take longer', async () => {
  start('1');
  await end('1', 5.1);
  expect(runner.roomFor(lane, true)).toBe(1);
});

test('where claims take long, more is claimed ahead, up to 50 ms of work', async () => {
  start('1');
  await end('1', 10);
  expect(runner.roomFor(lane, true)).toBe(1);
  for (let n = 0; n < 50; n += 1) runner.noteClaim(12);
  expect(runner.roomFor(lane, true)).toBe(1 + 2);
  for (let n = 0; n < 50; n += 1) runner.noteClaim(300);
  expect(runner.roomFor(lane, true)).toBe(1 + 5);
  for (let n = 0; n < 50; n += 1) runner.noteClaim(1);
  expect(runner.roomFor(lane, true)).toBe(1);
});

test('what is stuck behind a slow batch is handed back, and nothing more is claimed ahead', async () => {
  start('1');
  await end('1', 0.5);
  start('slow', '2', '3');
  nowMs += 99;
  pass();
  await new Promise((resolve) => setImmediate(resolve));
  expect(handedBack).toEqual([]);
  nowMs += 1;
  pass();
  await new Promise((resolve) => setImmediate(resolve));
  expect([handedBack, [...running.keys()]]).toEqual([['2', '3'], ['slow']]);
  await end('slow', 1);
  expect(runner.roomFor(lane, true)).toBe(1);
});

const limited = (maxConcurrency = Number.POSITIVE_INFINITY) =>
  defineModel({ name: 'm', runtime: 'test', fingerprint: 'm', maxConcurrency });
const generate = { functionName: 'generate', model: 'default' } as const;

test('a worker for one function may run all its batches', () => {
  const limit = createConcurrencyLimit(() => 3, 1);
  expect(limit.freeFor(lane, limited())).toBe(3);
});

test('the last slot is kept for a function that runs nothing yet', () => {
  const [a, b] = [limited(), limited()];
  const limit = createConcurrencyLimit(() => 3, 2);
  expect(limit.freeFor(generate, a)).toBe(2);
  limit.take(generate, a);
  limit.take(generate, a);
  expect(limit.freeFor(generate, a)).toBe(0);
  expect(limit.freeFor(lane, b)).toBe(1);
  limit.take(lane, b);
  expect(limit.freeFor(lane, b)).toBe(0);
  limit.give(generate, a);
  // One is free, and each function runs something: it is kept for a third one.
  expect([limit.freeFor(generate, a), limit.freeFor(lane, b)]).toEqual([0, 0]);
});

test('with one slot there is no reserve, with two each function has one', () => {
  const [a, b] = [limited(), limited()];
  expect(createConcurrencyLimit(() => 1, 2).freeFor(generate, a)).toBe(1);
  const two = createConcurrencyLimit(() => 2, 2);
  expect(two.freeFor(generate, a)).toBe(1);
  two.take(generate, a);
  expect([two.freeFor(generate, a), two.freeFor(lane, b)]).toEqual([0, 1]);
});

test('a model is given no more calls than it takes, in all its lanes together', () => {
  const shared = limited(2);
  const limit = createConcurrencyLimit(() => 10, 2);
  limit.take(lane, shared);
  expect(limit.freeFor(generate, shared)).toBe(1);
  limit.take(generate, shared);
  expect(limit.freeFor(lane, shared)).toBe(0);
  expect(limit.freeFor(lane, limited())).toBeGreaterThan(0);
});

test('a lower concurrency holds at once, and never gives a negative number', () => {
  let concurrency = 4;
  const limit = createConcurrencyLimit(() => concurrency, 1);
  const m = limited();
  for (let n = 0; n < 4; n += 1) limit.take(lane, m);
  concurrency = 2;
  expect(limit.freeFor(lane, m)).toBe(0);
  limit.give(lane, m);
  limit.give(lane, m);
  limit.give(lane, m);
  expect(limit.freeFor(lane, m)).toBe(1);
});
