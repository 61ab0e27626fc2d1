import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { silentLogger } from '../../src/core/log.ts';
import { connectClient } from '../../src/db/connection/connect-client.ts';
import { type ConnectionSettings, resolveConnection } from '../../src/db/connection/connection-settings.ts';
import { detectRoute } from '../../src/db/connection/pooler-detection.ts';
import { startListener } from '../../src/db/listener.ts';
import { createPool } from '../../src/db/pool.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { pgbouncer, startPgbouncer } from './pgbouncer.ts';

let db: TestDatabase;
let server: ConnectionSettings;
beforeAll(async () => {
  db = await createTestDatabase({ migrated: false });
  server = resolveConnection({ uri: db.uri }, {});
});
afterAll(() => db[Symbol.asyncDispose]());

async function routeTo(settings: ConnectionSettings) {
  const session = await connectClient(settings);
  const probe = await connectClient(settings);
  try {
    return await detectRoute(session, async () => probe);
  } finally {
    await Promise.all([session.end(), probe.end()]);
  }
}

function listen(settings: ConnectionSettings) {
  const told: string[] = [];
  const service = startListener({
    settings,
    channels: ['work'],
    onEvent: (channel, payload) => told.push(`event ${channel} ${payload}`),
    onResync: () => told.push('resync'),
    onState: (state, reason) => told.push(`${state} ${reason}`.trim()),
    log: silentLogger,
    timing: { canaryMs: 500 },
  });
  return { told, [Symbol.asyncDispose]: () => service.stop() };
}

test('without a pooler the route is direct', async () => {
  expect(await routeTo(server)).toBe('direct');
});

describe.skipIf(pgbouncer === undefined)('through PgBouncer', () => {
  test('transaction pooling is proven, and the listener polls and says why', async () => {
    await using pooler = await startPgbouncer(server, 'transaction');
    expect(await routeTo(pooler.settings)).toBe('transaction-pooled');
    await using listener = listen(pooler.settings);
    await eventually(() =>
      expect(listener.told).toEqual([
        expect.stringMatching(/^polling a transaction pooler is in front of the server at 127/),
      ]),
    );
  });

  test('with a direct connection beside the pooler, the listener listens', async () => {
    await using pooler = await startPgbouncer(server, 'transaction');
    await using listener = listen({ ...pooler.settings, direct: server });
    await eventually(() => expect(listener.told).toEqual(['listening', 'resync']));
  });

  test('session pooling is heard through', async () => {
    await using pooler = await startPgbouncer(server, 'session');
    expect(await routeTo(pooler.settings)).toBe('pooled');
    await using listener = listen(pooler.settings);
    await eventually(() => expect(listener.told).toEqual(['listening', 'resync']));
    await db.pool.query("notify work, 'x'");
    await eventually(() => expect(listener.told).toContain('event work x'));
  });

  test('a pooler that dies is said, and the listener comes back with the next one', async () => {
    const pooler = await startPgbouncer(server, 'session');
    await using listener = listen(pooler.settings);
    await eventually(() => expect(listener.told).toEqual(['listening', 'resync']));
    await pooler[Symbol.asyncDispose]();
    await eventually(() => expect(listener.told[2]).toMatch(/^polling /));
  });

  test('pool queries and transactions work, as they keep no session state', async () => {
    await using pooler = await startPgbouncer(server, 'transaction');
    const pool = createPool(pooler.settings);
    const sums = await Promise.all([1, 2, 3, 4].map((n) => pool.query<{ n: number }>('select $1::int + 1 as n', [n])));
    expect(sums.map(({ rows }) => rows[0]?.n)).toEqual([2, 3, 4, 5]);
    expect(await pool.withTransaction((tx) => tx.query('select 1 as one'))).toEqual({ rows: [{ one: 1 }] });
    await pool.end();
  });
});
