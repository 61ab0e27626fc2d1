import { beforeEach, expect, test } from 'vitest';
import { createTestClock, type TestClock } from '../../../../test/models/http/support.ts';
import { startCpuTimer } from '../../../../test/support/cpu-time.ts';
import { silentLogger } from '../../../core/log.ts';
import { createTroubles } from '../../../core/recurring-trouble.ts';
import { defineModel } from '../../../models/define-model.ts';
import { createInFlight, type InFlight, type InFlightRequest } from '../in-flight.ts';
import type { BatchListener } from './answerer.ts';
import { createExecutor, type Executor } from './executor.ts';

const LIMIT_MS = 300_000;
const lane = { functionName: 'embed', model: 'default' } as const;
const model = defineModel({ name: 'm', runtime: 'test', fingerprint: 'm', embed: { run: async () => [] } });

/** One run of the model, which never ends by itself. */
interface Run {
  readonly ids: string;
  readonly batch: readonly InFlightRequest[];
  readonly listener: BatchListener;
}

let clock: TestClock;
let inFlight: InFlight;
let runs: Run[];
let ends: string[];
let execute: Executor;

beforeEach(() => {
  clock = createTestClock();
  inFlight = createInFlight();
  runs = [];
  ends = [];
  execute = createExecutor({
    answerer: {
      answer(_model, batch, signal, listener) {
        runs.push({ ids: batch.map(({ request }) => request.id).join(' '), batch, listener });
        listener.working(batch);
        return new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason), { once: true });
        });
      },
    },
    timeoutMs: LIMIT_MS,
    record: async (ended) => {
      for (const { entry, outcome } of ended) ends.push(`${entry.request.id} ${outcome.kind}`);
    },
    log: silentLogger,
    troubles: createTroubles({ log: silentLogger, clock }),
    clock,
  });
});

function hold(...ids: string[]): InFlightRequest[] {
  const requests = ids.map((id) => ({
    id,
    requestId: `request ${id}`,
    lane,
    username: 'app',
    parameters: '{}',
    priority: 0,
    createdUs: '0',
    attempt: 1,
    retryCount: 0,
  }));
  return inFlight.add({ workerId: 'w', claimNumber: 1 }, requests);
}

/** Lets everything happen that waits for no time to pass. */
async function advance(ms: number): Promise<void> {
  clock.advance(ms);
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
}

const idsOfRuns = () => runs.map(({ ids }) => ids);

test('a request is not charged for the time in which the model was at another as well that nobody wants any more', async () => {
  const [a, b] = hold('a', 'b');
  if (a === undefined || b === undefined) throw new Error('two are entry');
  const done = execute(model, [a, b]);
  await advance(LIMIT_MS - 1_000);
  inFlight.abort(b, 'stopping');
  await advance(1_000);
  expect(ends).toEqual(['b release']);
  expect(idsOfRuns()).toEqual(['a b', 'a']);
  await advance(LIMIT_MS);
  await done;
  expect(ends).toEqual(['b release', 'a retry']);
});

test('a request is charged that is left alone for the whole limit when its neighbour has ended', async () => {
  const [a, b] = hold('a', 'b');
  if (a === undefined || b === undefined) throw new Error('two are entry');
  const done = execute(model, [a, b]);
  await advance(LIMIT_MS - 1_000);
  runs[0]?.listener.ended(b, { kind: 'completed', result: 'yes' });
  await advance(LIMIT_MS - 1_000);
  expect(ends).toEqual(['b completed']);
  await advance(1_000);
  await done;
  expect(ends).toEqual(['b completed', 'a retry']);
  expect(idsOfRuns()).toEqual(['a b']);
});

test('a request that waits for its turn among several that were stuck is handed back as soon as nobody wants it', async () => {
  const batch = hold('a', 'b', 'c');
  const done = execute(model, batch);
  await advance(LIMIT_MS);
  expect(idsOfRuns()).toEqual(['a b c', 'a']);
  const [, , c] = batch;
  if (c === undefined) throw new Error('three are entry');
  inFlight.abort(c, 'stopping');
  await advance(0);
  expect(ends).toEqual(['c release']);
  await advance(LIMIT_MS);
  await done;
  expect(ends).toEqual(['c release', 'a retry', 'b release']);
});

test('a request is charged that was alone since the last end, also when its other neighbour had been dropped before that', async () => {
  const [a, b, c] = hold('a', 'b', 'c');
  if (a === undefined || b === undefined || c === undefined) throw new Error('three are held');
  const done = execute(model, [a, b, c]);
  await advance(1_000);
  inFlight.abort(b, 'stopping');
  await advance(1_000);
  runs[0]?.listener.ended(c, { kind: 'completed', result: 'yes' });
  await advance(LIMIT_MS);
  await done;
  expect(ends).toEqual(['b release', 'c completed', 'a retry']);
});

test('an end costs as much in a large batch as in a small one', async () => {
  const batch = hold(...Array.from({ length: 20_000 }, (_, at) => String(at)));
  const done = execute(model, batch);
  const cpuMs = startCpuTimer();
  for (const entry of batch) runs[0]?.listener.ended(entry, { kind: 'completed', result: 'yes' });
  expect(cpuMs()).toBeLessThan(1_000);
  await advance(0);
  await advance(LIMIT_MS);
  await done;
  expect(ends).toHaveLength(20_000);
});
