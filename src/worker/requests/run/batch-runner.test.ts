import { beforeEach, expect, test } from 'vitest';
import type { Clock } from '../../../core/clock.ts';
import { silentLogger } from '../../../core/log.ts';
import { defineModel } from '../../../models/define-model.ts';
import type { ClaimedRequest } from '../../../requests/claimed-request.ts';
import { createInFlight, type InFlightRequest } from '../in-flight.ts';
import { type BatchRunner, createBatchRunner } from './batch-runner.ts';
import { createConcurrencyLimit } from './concurrency-limit.ts';

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
    limit: createConcurrencyLimit(() => 1, 1),
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
