import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type Clock, systemClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/log.ts';
import { resolveConnection } from '../../src/db/connection/connection-settings.ts';
import { type ListenerOptions, startListener } from '../../src/db/listener.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { type FaultProxy, startFaultProxy } from './support/fault-proxy.ts';

let db: TestDatabase;
let proxy: FaultProxy;
beforeAll(async () => {
  db = await createTestDatabase({ migrated: false });
  proxy = await startFaultProxy(Number(new URL(db.uri).port));
});
// The server still holds the sessions that froze.
afterEach(() => void proxy.strikeAll('cut'));
afterAll(async () => {
  await proxy[Symbol.asyncDispose]();
  await db[Symbol.asyncDispose]();
});

const CANARY_MS = 60_000;

/** A listener through the proxy that records what it is told, in order. */
function listen(timing: ListenerOptions['timing'] = {}) {
  const told: string[] = [];
  let canaries = 0;
  const clock: Clock = {
    ...systemClock,
    delay(ms, signal) {
      if (ms === CANARY_MS) canaries += 1;
      return systemClock.delay(ms, signal);
    },
  };
  const service = startListener({
    settings: resolveConnection({ uri: proxy.through(db.uri) }, {}),
    channels: ['work'],
    onEvent: (_, payload) => told.push(payload),
    onResync: () => told.push('resync'),
    onState: (state, reason) => told.push(`${state} ${reason}`.trim()),
    log: silentLogger,
    clock,
    timing: { retryMs: 60_000, canaryMs: CANARY_MS, ...timing },
  });
  const count = (line: string) => told.filter((candidate) => candidate === line).length;
  /** Resolves when it waits for a canary that it has sent. */
  const untilCanary = () => eventually(() => expect(canaries).toBe(1));
  return { told, count, untilCanary, stop: () => service.stop(), [Symbol.asyncDispose]: () => service.stop() };
}

const backendOf = async () => {
  const { rows } = await db.pool.query<{ pid: number }>(
    `select pid from pg_stat_activity where datname = current_database() and application_name = 'lamplighter listener'`,
  );
  expect(rows).toHaveLength(1);
  return rows[0]?.pid;
};
const backend = () => eventually(backendOf);

test('it stops at once, though the canary that it waits for does not come', async () => {
  proxy.dropsNotifications = true;
  const listener = listen();
  await listener.untilCanary();
  const startedMs = performance.now();
  await listener.stop();
  expect(performance.now() - startedMs).toBeLessThan(2_500);
  proxy.dropsNotifications = false;
  expect(listener.told).toEqual([]);
});

test('a connection that is lost while the canary is on its way is replaced at once', async () => {
  proxy.dropsNotifications = true;
  await using listener = listen();
  await listener.untilCanary();
  proxy.dropsNotifications = false;
  proxy.strikeAll('cut');
  await eventually(() => expect(listener.count('resync')).toBe(1));
});

test.each(['cut', 'half-close', 'freeze'] as const)(
  'when LISTEN meets a %s it says so and comes back',
  async (blow) => {
    const fault = proxy.arm({ statement: /listen "work"/, moment: 'answer', blow });
    await using listener = listen({ answerMs: 300 });
    await eventually(() => expect(listener.count('resync')).toBe(1));
    expect(fault.strikes).toBe(1);
    expect(listener.told).toEqual([expect.stringMatching(/^polling .*lost/), 'listening', 'resync']);
  },
);

test('a session that grows old gives way to a new one, and nothing said meanwhile goes unheard', async () => {
  await using listener = listen({ keepaliveMs: 20, replaceAfterMs: 500 });
  await eventually(() => expect(listener.count('resync')).toBe(1));
  const first = await backend();
  // The next session is not proven for as long as its canary is held.
  const canary = proxy.arm({ statement: /pg_notify/, moment: 'answer', blow: 'hold' });
  await eventually(() => expect(canary.strikes).toBe(1));
  await db.pool.query(`notify work, 'while it is replaced'`);
  await eventually(() => expect(listener.told).toContain('while it is replaced'));
  canary.disarm();
  await eventually(async () => expect(await backendOf()).not.toBe(first));
  await db.pool.query(`notify work, 'after it was replaced'`);
  await eventually(() => expect(listener.told).toContain('after it was replaced'));
  expect(listener.count('resync')).toBeGreaterThan(1);
  expect(listener.told.filter((line) => line.startsWith('polling'))).toEqual([]);
});

test('while no other session can be opened the old one listens on', async () => {
  await using listener = listen({ keepaliveMs: 20, replaceAfterMs: 100, answerMs: 200 });
  await eventually(() => expect(listener.count('resync')).toBe(1));
  const first = await backend();
  proxy.pointAt(1);
  const attempts = proxy.attempts;
  await eventually(() => expect(proxy.attempts).toBeGreaterThan(attempts + 1));
  await db.pool.query(`notify work, 'heard by the old one'`);
  await eventually(() => expect(listener.told).toContain('heard by the old one'));
  expect(await backendOf()).toBe(first);
  proxy.pointAt(Number(new URL(db.uri).port));
  await eventually(async () => expect(await backendOf()).not.toBe(first));
  expect(listener.told.filter((line) => line.startsWith('polling'))).toEqual([]);
});
