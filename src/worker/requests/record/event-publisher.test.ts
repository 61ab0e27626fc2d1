import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Clock } from '../../../core/clock.ts';
import { createLogger } from '../../../core/log.ts';
import { createTroubles } from '../../../core/recurring-trouble.ts';
import type { Queryable } from '../../../db/query.ts';
import type { CompletionEvent } from '../../../requests/finish-requests.ts';
import { type EventPublisher, startEventPublisher } from './event-publisher.ts';

interface Statement {
  readonly requestIds: readonly string[];
  readonly givenUp: number;
  readonly succeed: () => void;
  readonly fail: () => void;
}

let statements: Statement[];
let onStatement: () => void;
let nowMs: number;
let endPause: () => void;
let warnings: { readonly msg: string; readonly events?: number }[];
let publisher: EventPublisher;

/** Holds each statement until it is told how it ends; what it does to a server is tested with a real one. */
const db: Queryable = {
  query: (_text, params = []) =>
    new Promise((resolve, reject) => {
      statements.push({
        requestIds: params[1] as string[],
        givenUp: Number(params[4]),
        succeed: () => resolve({ rows: [] }),
        fail: () => reject(new Error('the server is away')),
      });
      onStatement();
    }),
};
const clock: Clock = {
  nowMs: () => nowMs,
  delay: (_ms, signal) =>
    new Promise((resolve) => {
      endPause = resolve;
      if (signal?.aborted === true) resolve();
      signal?.addEventListener('abort', () => resolve(), { once: true });
    }),
};

beforeEach(() => {
  statements = [];
  onStatement = () => undefined;
  nowMs = 0;
  warnings = [];
  const log = createLogger({ level: 'warn', destination: { write: (line) => void warnings.push(JSON.parse(line)) } });
  publisher = startEventPublisher({ db, workerId: () => 'w', log, troubles: createTroubles({ log, clock }), clock });
});
afterEach(async () => {
  onStatement = () => statements.at(-1)?.succeed();
  onStatement();
  await publisher.stop();
});

const events = (count: number): CompletionEvent[] =>
  Array.from({ length: count }, () => ({ requestId: randomUUID(), functionName: 'embed', status: 'completed' }));
const idsOf = (some: readonly CompletionEvent[]) => some.map(({ requestId }) => requestId);
const messages = () => warnings.map(({ msg }) => msg);

async function nextStatement(): Promise<Statement> {
  await new Promise<void>((resolve) => {
    onStatement = resolve;
  });
  const statement = statements.at(-1);
  if (statement === undefined) throw new Error('expected a statement');
  return statement;
}

/** Adds events, and waits for the statement that sends them. */
async function addAndSend(some: readonly CompletionEvent[]): Promise<Statement> {
  const sent = nextStatement();
  publisher.add(some);
  return sent;
}

/** Fills the queue beyond its limit while a statement runs. */
async function overflow(): Promise<{ readonly running: Statement; readonly kept: readonly CompletionEvent[] }> {
  const running = await addAndSend(events(1));
  publisher.add(events(10));
  const kept = events(20_000);
  publisher.add(kept);
  return { running, kept };
}

test('what piles up during one statement goes with the next, a thousand at a time', async () => {
  const [first, second, third] = [events(1), events(3), events(1_200)];
  const one = await addAndSend(first);
  publisher.add(second);
  publisher.add(third);
  expect(statements).toHaveLength(1);
  let next = nextStatement();
  one.succeed();
  const two = await next;
  next = nextStatement();
  two.succeed();
  const three = await next;
  const later = idsOf([...second, ...third]);
  expect(statements.map(({ requestIds }) => requestIds)).toEqual([
    idsOf(first),
    later.slice(0, 1_000),
    later.slice(1_000),
  ]);
  three.succeed();
});

test('after a failure the same events are sent again after a pause, together with those that have come since', async () => {
  const [first, second] = [events(2), events(1)];
  const one = await addAndSend(first);
  const next = nextStatement();
  one.fail();
  await new Promise((resolve) => setImmediate(resolve));
  publisher.add(second);
  await new Promise((resolve) => setImmediate(resolve));
  expect(statements).toHaveLength(1);
  endPause();
  expect((await next).requestIds).toEqual(idsOf([...first, ...second]));
  expect(messages()).toEqual(['could not send events: the server is away']);
});

test('the queue is bounded: the oldest events are dropped, counted with the next statement, and spoken of once', async () => {
  const { running, kept } = await overflow();
  publisher.add([]);
  const next = nextStatement();
  running.succeed();
  expect(await next).toMatchObject({ requestIds: idsOf(kept.slice(0, 1_000)), givenUp: 10 });
  expect(messages()).toEqual(['events cannot be sent as fast as requests end; dropping some']);
});

test('what was dropped is counted once', async () => {
  const { running } = await overflow();
  const counts: number[] = [];
  onStatement = () => {
    counts.push(statements.at(-1)?.givenUp ?? -1);
    statements.at(-1)?.succeed();
  };
  running.succeed();
  await publisher.stop();
  expect(counts).toEqual([10, ...Array.from({ length: 19 }, () => 0)]);
});

test('a stop sends what is left', async () => {
  const last = events(1);
  const running = await addAndSend(events(1));
  publisher.add(last);
  const next = nextStatement();
  const stopped = publisher.stop();
  running.succeed();
  const flush = await next;
  expect(flush.requestIds).toEqual(idsOf(last));
  flush.succeed();
  await stopped;
  expect(messages()).toEqual([]);
});

test('a stop gives up at the first failure, and says how many events', async () => {
  const running = await addAndSend(events(2));
  publisher.add(events(3));
  const next = nextStatement();
  const stopped = publisher.stop();
  running.fail();
  (await next).fail();
  await stopped;
  expect(statements).toHaveLength(2);
  expect(warnings.at(-1)).toMatchObject({ msg: 'gave up on sending events', events: 5 });
});

test('a stop gives up after two seconds', async () => {
  const running = await addAndSend(events(1));
  publisher.add(events(2_500));
  const next = nextStatement();
  const stopped = publisher.stop();
  running.succeed();
  const flush = await next;
  nowMs = 2_000;
  flush.succeed();
  await stopped;
  expect(statements).toHaveLength(2);
  expect(warnings.at(-1)).toMatchObject({ msg: 'gave up on sending events', events: 1_500 });
});
