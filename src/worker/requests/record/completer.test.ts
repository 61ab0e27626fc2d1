import { expect, test } from 'vitest';
import { systemClock } from '../../../core/clock.ts';
import { createLogger, silentLogger } from '../../../core/log.ts';
import { createTroubles } from '../../../core/recurring-trouble.ts';
import type { Queryable } from '../../../db/query.ts';
import type { Completion } from '../in-flight.ts';
import { createInFlight } from '../in-flight.ts';
import { startCompleter } from './completer.ts';

/** Holds each statement until it is told to end; what it does to a server is tested with a real one. */
function createHeldDatabase() {
  const held: (() => void)[] = [];
  const db: Queryable = {
    query: (_text, params = []) =>
      new Promise((resolve) => {
        const ids = params[1] as string[];
        held.push(() =>
          resolve({ rows: ids.map((id) => ({ id, status: 'completed', is_announced: true })) as never[] }),
        );
      }),
  };
  return { db, held };
}

function createEnd(inFlight: ReturnType<typeof createInFlight>, id: string, result: string): Completion {
  const request = {
    id,
    requestId: `request ${id}`,
    lane: { functionName: 'generate' as const, model: 'default' },
    username: 'app',
    parameters: '{}',
    priority: 0,
    createdUs: '0',
    attempt: 1,
    retryCount: 0,
  };
  const [entry] = inFlight.add({ workerId: 'w', claimNumber: Number(id) }, [request]);
  if (entry === undefined) throw new Error('one was added');
  return { entry, outcome: { kind: 'completed', result } };
}

test('long results have to wait until there is room, though they are few', async () => {
  const { db, held } = createHeldDatabase();
  const inFlight = createInFlight();
  const troubles = createTroubles({ log: silentLogger, clock: systemClock });
  const completer = startCompleter({
    db,
    inFlight,
    publisher: { add: () => undefined },
    maxRetries: 3,
    log: silentLogger,
    troubles,
    clock: systemClock,
    onRecorded: () => undefined,
  });
  const long = 'x'.repeat(9_000_000);
  const waiting = [1, 2, 3, 4, 5, 6, 7].map((id) => {
    const push = { isDone: false, done: Promise.resolve() };
    push.done = completer.push([createEnd(inFlight, String(id), long)]).then(() => {
      push.isDone = true;
    });
    return push;
  });
  await new Promise((resolve) => setImmediate(resolve));
  // Two are being written; of the others, those wait that came when there were 32 million.
  expect(waiting.at(-1)?.isDone).toBe(false);
  while (inFlight.size > 0) {
    for (const release of held.splice(0)) release();
    await new Promise((resolve) => setImmediate(resolve));
  }
  await Promise.all(waiting.map(({ done }) => done));
  await completer.stop();
});

test('when it cannot go on recording, it says so', async () => {
  const inFlight = createInFlight();
  const deaths: string[] = [];
  let tellDeath = () => {};
  const died = new Promise<void>((resolve) => {
    tellDeath = resolve;
  });
  // As on a full disk: what fails is to be told, and that fails as well.
  const log = createLogger({
    destination: {
      write() {
        throw new Error('the log cannot be written');
      },
    },
  });
  const completer = startCompleter({
    db: { query: () => Promise.reject(new Error('the server is away')) },
    inFlight,
    publisher: { add: () => undefined },
    maxRetries: 3,
    log,
    troubles: createTroubles({
      log,
      clock: systemClock,
      onDeath(what) {
        deaths.push(what);
        tellDeath();
      },
    }),
    clock: systemClock,
    onRecorded: () => undefined,
  });
  await completer.push([createEnd(inFlight, '1', 'r')]);
  await died;
  expect(deaths).toEqual(['record the completions of some requests']);
  await expect(completer.stop()).rejects.toThrow('the log cannot be written');
});
