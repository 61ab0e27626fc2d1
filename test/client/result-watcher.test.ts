import { randomUUID } from 'node:crypto';
import { EventEmitter, getEventListeners, once } from 'node:events';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import {
  createResultWatcher,
  type ResultWatcher,
  type ResultWatcherDeps,
} from '../../src/client/waiting/result-watcher.ts';
import { type Clock, systemClock } from '../../src/core/clock.ts';
import { LamplighterError } from '../../src/core/errors.ts';
import { silentLogger } from '../../src/core/log.ts';
import { createTroubles } from '../../src/core/recurring-trouble.ts';
import { resolveConnection } from '../../src/db/connection/connection-settings.ts';
import { startListener } from '../../src/db/listener.ts';
import { type Client, createClient } from '../../src/index.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { type SqlWorker, startSqlWorker } from '../support/sql-worker.ts';

let db: TestDatabase;
let client: Client;
let worker: SqlWorker;
beforeAll(async () => {
  db = await createTestDatabase();
  client = createClient({ uri: db.uri });
  worker = await startSqlWorker(db.pool);
});
afterAll(async () => {
  await client.close();
  await db[Symbol.asyncDispose]();
});
beforeEach(() => db.pool.query('delete from steadytext_queue'));

type Hooks = Parameters<ResultWatcherDeps['listen']>[0];
const noService = { stop: async () => undefined };
/** Behind a transaction pooler. */
const deaf = () => noService;
/** Hears nothing and does not know it, as when the server drops events. */
const deluded = (hooks: Hooks) => {
  hooks.onState('listening', '');
  hooks.onResync();
  return noService;
};

interface Watched extends ResultWatcher, AsyncDisposable {
  /** The number of ids of each look so far. */
  readonly looks: number[];
  /** Resolves when the next look has come back. */
  nextLook(): Promise<unknown>;
}

function startWatcher(deps: Partial<ResultWatcherDeps> = {}): Watched {
  const looks: number[] = [];
  const events = new EventEmitter();
  const real = (hooks: Hooks) =>
    startListener({
      settings: resolveConnection({ uri: db.uri }, {}),
      channels: ['steadytext_completed'],
      log: silentLogger,
      ...hooks,
    });
  const counting: ResultWatcherDeps['db'] = {
    async query<Row extends object>(text: string, params: readonly unknown[] = []) {
      const [ids] = params;
      looks.push(Array.isArray(ids) ? ids.length : 0);
      const { rows } = await (deps.db ?? db.pool).query<Row>(text, [...params]);
      events.emit('look');
      return { rows };
    },
  };
  const watcher = createResultWatcher({
    listen: real,
    log: silentLogger,
    troubles: createTroubles({ log: silentLogger, clock: systemClock }),
    clock: systemClock,
    ...deps,
    db: counting,
  });
  return {
    ...watcher,
    looks,
    nextLook: () => once(events, 'look'),
    [Symbol.asyncDispose]: () => watcher.stop(),
  };
}

async function listenerCount(): Promise<number> {
  const { rows } = await db.pool.query(
    "select 1 from pg_stat_activity where datname = current_database() and application_name like 'lamplighter listener%'",
  );
  return rows.length;
}

const settled = (promise: Promise<unknown>) => promise.catch((error: unknown) => error);
const timeoutMs = 10_000;

test('1,000 waiters share one connection and few looks, whose number does not grow with theirs', async () => {
  await using watcher = startWatcher();
  const ids = await client.embedBatch(Array.from({ length: 1_000 }, (_, i) => `text ${i}`));
  const { signal } = new AbortController();
  const results = Promise.all(ids.map((id) => watcher.watch(id, { timeoutMs, signal })));
  await eventually(async () => expect(await listenerCount()).toBe(1));
  // Node warns of eleven.
  expect(getEventListeners(signal, 'abort')).toHaveLength(1);
  while ((await worker.answer('[1]')) > 0);
  expect(await results).toHaveLength(1_000);
  expect(await listenerCount()).toBe(1);
  expect(watcher.looks.length).toBeLessThan(60);
  expect(Math.max(...watcher.looks)).toBe(500);
});

test('a result that is there already needs no listening connection', async () => {
  await using watcher = startWatcher();
  const id = await client.embed('t');
  await worker.answer('[1]');
  await watcher.watch(id, { timeoutMs });
  expect(watcher.looks).toEqual([1]);
  expect(await listenerCount()).toBe(0);
});

test('where nothing is heard, waiters that came at different times are looked at together', async () => {
  await using watcher = startWatcher({ listen: deaf });
  const ids = await client.embedBatch(Array.from({ length: 40 }, (_, i) => `text ${i}`));
  const waiting: Promise<unknown>[] = [];
  for (const id of ids) {
    waiting.push(watcher.watch(id, { timeoutMs }));
    await watcher.nextLook();
  }
  // They fall into step the sooner, the less time lies between them: that hangs on the machine.
  for (let left = 40; watcher.looks.at(-1) !== 40 && left > 0; left -= 1) await watcher.nextLook();
  expect(watcher.looks.at(-1)).toBe(40);
  await worker.answer('[1]');
  await Promise.all(waiting);
});

test('an event that was dropped costs time only', async () => {
  await using watcher = startWatcher({ listen: deluded });
  const id = await client.embed('t');
  const waiting = watcher.watch(id, { timeoutMs });
  await watcher.nextLook();
  await worker.answer('[1]');
  expect(await waiting).toEqual(Float32Array.of(1));
});

test('a flood of false and hostile events is neither believed nor followed look by look', async () => {
  await using watcher = startWatcher();
  const id = await client.embed('t');
  const waiting = watcher.watch(id, { timeoutMs });
  await eventually(async () => expect(await listenerCount()).toBe(1));
  const looksBefore = watcher.looks.length;
  const event = (of: string) => JSON.stringify({ request_id: of, function: 'embed', status: 'completed' });
  const payloads = [event(id), event(randomUUID()), '{', '{"request_id": 7}', '[[[['];
  for (let round = 0; round < 300; round++) {
    await db.pool.query(`select pg_notify('steadytext_completed', p) from unnest($1::text[]) as p`, [payloads]);
  }
  expect(watcher.looks.length - looksBefore).toBeLessThan(30);
  await worker.answer('[1]');
  expect(await waiting).toEqual(Float32Array.of(1));
});

test('a request that is deleted while it is waited for is said to be', async () => {
  await using watcher = startWatcher();
  const id = await client.embed('t');
  const waiting = settled(watcher.watch(id, { timeoutMs }));
  await watcher.nextLook();
  await db.pool.query('delete from steadytext_queue');
  expect(await waiting).toMatchObject({
    code: 'REQUEST_NOT_FOUND',
    message: `Request ${id} was deleted while it was waited for`,
  });
});

test('a wait that begins during a look is not answered by what that look found', async () => {
  const held = new EventEmitter();
  let isHeld = true;
  await using watcher = startWatcher({
    listen: deaf,
    db: {
      async query(text, params = []) {
        const result = await db.pool.query(text, [...params]);
        if (isHeld) {
          held.emit('read');
          await once(held, 'release');
        }
        return result;
      },
    },
  });
  const id = await client.embed('t');
  await worker.finish(await worker.claim(), { kind: 'failed', error: 'no' });
  const early = settled(watcher.watch(id, { timeoutMs }));
  await once(held, 'read');
  await client.retry(id);
  const late = watcher.watch(id, { timeoutMs });
  isHeld = false;
  held.emit('release');
  expect(await early).toMatchObject({ code: 'REQUEST_FAILED' });
  await worker.answer('[1]');
  expect(await late).toEqual(Float32Array.of(1));
});

test('waits survive the end of every connection', async () => {
  await using other = createClient({ uri: db.uri });
  const id = await other.embed('t');
  const waiting = other.wait(id);
  await eventually(async () => expect(await listenerCount()).toBe(1));
  await db.pool.query(
    "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name like 'lamplighter%' and application_name <> 'lamplighter test'",
  );
  await worker.answer('[1]');
  expect(await waiting).toEqual(Float32Array.of(1));
});

test('while the database cannot be asked, waits end in time and say so', async () => {
  const lost = new LamplighterError('CONNECTION_REFUSED', 'Nothing listens there');
  await using watcher = startWatcher({ db: { query: () => Promise.reject(lost) } });
  const id = await client.embed('t');
  await expect(watcher.watch(id, { timeoutMs: 50 })).rejects.toMatchObject({
    code: 'REQUEST_TIMEOUT',
    hint: 'The database could not be asked: Nothing listens there',
    cause: lost,
  });
});

test('an outage that is over does not end a later wait', async () => {
  let isDown = true;
  const lost = new LamplighterError('CONNECTION_LOST', 'gone');
  await using watcher = startWatcher({
    db: { query: (text, params = []) => (isDown ? Promise.reject(lost) : db.pool.query(text, [...params])) },
  });
  const id = await client.embed('t');
  await worker.answer('[1]');
  expect(await settled(watcher.watch(id, { timeoutMs: 0 }))).toMatchObject({ code: 'REQUEST_TIMEOUT', cause: lost });
  isDown = false;
  expect(await watcher.watch(id, { timeoutMs: 0 })).toEqual(Float32Array.of(1));
});

test('a look that hangs does not hold up the end of a wait', async () => {
  const fast: Clock = {
    nowMs: () => systemClock.nowMs() * 20,
    delay: (ms, signal) => systemClock.delay(ms / 20, signal),
  };
  const answers: (() => void)[] = [];
  const hang = () => new Promise<{ rows: never[] }>((resolve) => answers.push(() => resolve({ rows: [] })));
  const watcher = startWatcher({ db: { query: hang }, clock: fast });
  const waiting = settled(watcher.watch(await client.embed('t'), { timeoutMs: 200 }));
  expect(await waiting).toMatchObject({ code: 'REQUEST_TIMEOUT', hint: expect.stringContaining('no answer in time') });
  for (const answer of answers) answer();
  await watcher.stop();
});

test('the connection is closed after a while without waits, and opened again', async () => {
  await using watcher = startWatcher({ idleMs: 50 });
  for (let round = 0; round < 2; round++) {
    const waiting = watcher.watch(await client.embed('t'), { timeoutMs });
    await eventually(async () => expect(await listenerCount()).toBe(1));
    await worker.answer('[1]');
    await waiting;
    await eventually(async () => expect(await listenerCount()).toBe(0));
  }
});

test('a wait that is over leaves nothing behind on its signal', async () => {
  await using watcher = startWatcher();
  const { signal } = new AbortController();
  const id = await client.embed('t');
  await settled(watcher.watch(id, { timeoutMs: 0, signal }));
  const waiting = watcher.watch(id, { timeoutMs, signal });
  expect(getEventListeners(signal, 'abort')).toHaveLength(1);
  await worker.answer('[1]');
  await waiting;
  expect(getEventListeners(signal, 'abort')).toHaveLength(0);
});
