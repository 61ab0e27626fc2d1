import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { createLogger, silentLogger } from '../../src/core/log.ts';
import { createTroubles } from '../../src/core/recurring-trouble.ts';
import { resolveConnection } from '../../src/db/connection/connection-settings.ts';
import { type NotificationRoute, startNotificationRouter } from '../../src/db/notification-router.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase({ migrated: false });
});
afterAll(() => db[Symbol.asyncDispose]());

function createRoute(...channels: string[]) {
  const heard: string[] = [];
  const route: NotificationRoute = {
    channels,
    onNotification: (channel, payload) => heard.push(`${channel} ${payload}`),
    onResync: () => heard.push('resync'),
    onListening: (isListening) => heard.push(isListening ? 'listening' : 'polling'),
  };
  return { route, heard };
}

test('each route hears its own channels and the state, in one session, also beside one that fails', async () => {
  const one = createRoute('lamp_one', 'lamp_both');
  const two = createRoute('lamp_two', 'lamp_both');
  const failing: NotificationRoute = {
    channels: ['lamp_both'],
    onNotification: () => {
      throw new Error('on purpose');
    },
    onResync: () => undefined,
    onListening: () => undefined,
  };
  const lines: string[] = [];
  const router = startNotificationRouter({
    settings: resolveConnection({ uri: db.uri }, {}),
    routes: [failing, one.route, two.route],
    log: createLogger({ destination: { write: (line) => void lines.push(line) } }),
    troubles: createTroubles({ log: silentLogger, clock: systemClock }),
    clock: systemClock,
  });
  try {
    await eventually(() => expect(two.heard).toEqual(['listening', 'resync']));
    for (const channel of ['lamp_one', 'lamp_two', 'lamp_both']) {
      await db.pool.query('select pg_notify($1, $2)', [channel, 'x']);
    }
    await eventually(() => expect(two.heard).toEqual(['listening', 'resync', 'lamp_two x', 'lamp_both x']));
    expect(one.heard).toEqual(['listening', 'resync', 'lamp_one x', 'lamp_both x']);
    expect(lines.filter((line) => line.includes('a notification could not be handed on'))).toHaveLength(1);
    const { rows } = await db.pool.query<{ n: number }>(
      `select count(*)::int as n from pg_stat_activity
       where application_name = 'lamplighter listener' and datname = current_database()`,
    );
    expect(rows).toEqual([{ n: 1 }]);
  } finally {
    await router.stop();
  }
});
