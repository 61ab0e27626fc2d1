import { afterAll, beforeAll, expect, test } from 'vitest';
import { silentLogger } from '../../src/core/log.ts';
import { type ConnectionSettings, resolveConnection } from '../../src/db/connection/connection-settings.ts';
import { type ListenerOptions, startListener } from '../../src/db/listener.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { startProxy } from './wire-proxy.ts';

let db: TestDatabase;
let settings: ConnectionSettings;
beforeAll(async () => {
  db = await createTestDatabase({ migrated: false });
  settings = resolveConnection({ uri: db.uri }, {});
});
afterAll(() => db[Symbol.asyncDispose]());

/** A listener on channel "Odd ""name" that records what it is told, in order. */
function listen(options: Partial<ListenerOptions> = {}) {
  const told: string[] = [];
  const service = startListener({
    settings,
    channels: ['Odd "name', 'other'],
    onEvent: (channel, payload) => told.push(`event ${channel}: ${payload}`),
    onResync: () => told.push('resync'),
    onState: (state, reason) => told.push(`${state} ${reason}`.trim()),
    log: silentLogger,
    ...options,
  });
  const hears = (text: string, times = 1) =>
    eventually(() => expect(told.filter((line) => line.startsWith(text))).toHaveLength(times));
  return { told, hears, [Symbol.asyncDispose]: () => service.stop(), stop: () => service.stop() };
}

const endListeners = () =>
  db.pool.query(
    "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'lamplighter listener' and datname = current_database()",
  );
const notify = (channel: string, payload: string) => db.pool.query('select pg_notify($1, $2)', [channel, payload]);

test('it hears its channels and no other, and asks for a full scan when it begins', async () => {
  await using listener = listen();
  await listener.hears('resync');
  await notify('unrelated', 'x');
  await notify('Odd "name', '{"hostile": "\'; drop table"}');
  await notify('other', '');
  await listener.hears('event', 2);
  expect(listener.told).toEqual([
    'listening',
    'resync',
    'event Odd "name: {"hostile": "\'; drop table"}',
    'event other: ',
  ]);
});

test('when its session is ended it says why, comes back, and asks for a full scan', async () => {
  await using listener = listen();
  await listener.hears('resync');
  await endListeners();
  await listener.hears('resync', 2);
  await notify('other', 'again');
  await listener.hears('event other: again');
  expect(listener.told[2]).toMatch(/^polling terminating connection/);
  expect(listener.told.slice(3, 5)).toEqual(['listening', 'resync']);
});

test('while the server cannot be reached it says so once and keeps trying', async () => {
  await using listener = listen({ settings: { ...settings, host: '127.0.0.1', port: 1 } });
  await listener.hears('polling Nothing listens at 127.0.0.1:1');
  await eventually(() => expect(listener.told).toHaveLength(1));
});

test('a connection that is only half open is noticed and replaced', async () => {
  await using proxy = await startProxy(settings);
  await using listener = listen({ settings: proxy.settings, timing: { keepaliveMs: 50, answerMs: 200 } });
  await listener.hears('resync');
  proxy.freezeOpenConnections();
  await listener.hears('resync', 2);
  expect(listener.told[2]).toMatch(/^polling .* no answer within 0\.2 s/);
});

test('where LISTEN succeeds and nothing arrives, it says so and polls', async () => {
  await using proxy = await startProxy(settings, { dropsNotifications: true });
  await using listener = listen({ settings: proxy.settings, timing: { canaryMs: 200 } });
  await listener.hears('polling notifications do not arrive');
  expect(listener.told).toHaveLength(1);
});

test('where notifications stop arriving later, it polls until they arrive again', async () => {
  await using proxy = await startProxy(settings);
  await using listener = listen({
    settings: proxy.settings,
    timing: { keepaliveMs: 20, replaceAfterMs: 0, canaryMs: 200, retryMs: 100 },
  });
  await listener.hears('resync');
  proxy.dropsNotifications = true;
  await listener.hears('polling notifications do not arrive');
  proxy.dropsNotifications = false;
  await listener.hears('resync', 2);
});

test('the direct connection is used where there is one', async () => {
  const pooled = { ...settings, host: '127.0.0.1', port: 1, direct: settings };
  await using listener = listen({ settings: pooled });
  await listener.hears('resync');
});

test('a callback that throws does not end listening', async () => {
  const events: string[] = [];
  await using listener = listen({
    onEvent: (_, payload) => {
      events.push(payload);
      throw new Error('owner');
    },
  });
  await listener.hears('resync');
  await notify('other', '1');
  await notify('other', '2');
  await eventually(() => expect(events).toEqual(['1', '2']));
});

test('stop ends the session, also while it connects, and can be called again', async () => {
  const early = listen();
  await early.stop();
  const listener = listen();
  await listener.hears('resync');
  await listener.stop();
  await listener.stop();
  await notify('other', 'late');
  const { rows } = await db.pool.query(
    "select 1 from pg_stat_activity where application_name = 'lamplighter listener' and datname = current_database()",
  );
  expect(rows).toEqual([]);
  expect(listener.told).toEqual(['listening', 'resync']);
});

test('a listener whose own loop ends says so to whoever has to know', async () => {
  const died: string[] = [];
  const trouble = {
    note() {
      throw new Error('nobody can be told');
    },
    settle: () => undefined,
    die: (error: unknown) => died.push(String(error)),
    onRecovery: () => undefined,
  };
  const unreachable = { ...settings, host: '127.0.0.1', port: 1 };
  const listener = listen({ settings: unreachable, troubles: { define: () => trouble } });
  await eventually(() => expect(died).toEqual(['Error: nobody can be told']));
  await expect(listener.stop()).rejects.toThrow('nobody can be told');
});
