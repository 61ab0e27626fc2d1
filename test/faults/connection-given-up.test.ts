import { afterAll, beforeAll, expect, test } from 'vitest';
import { resolveConnection } from '../../src/db/connection/connection-settings.ts';
import { createPool, type Pool, type PoolOptions } from '../../src/db/pool.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { type FaultProxy, startFaultProxy } from './support/fault-proxy.ts';

let db: TestDatabase;
let proxy: FaultProxy;
beforeAll(async () => {
  db = await createTestDatabase({ migrated: false });
  proxy = await startFaultProxy(Number(new URL(db.uri).port));
});
afterAll(async () => {
  await proxy[Symbol.asyncDispose]();
  await db[Symbol.asyncDispose]();
});

function openPool(options: PoolOptions, uri = db.uri): Pool & AsyncDisposable {
  const pool = createPool(resolveConnection({ uri }, {}), { applicationName: 'lamplighter given up', ...options });
  return { ...pool, [Symbol.asyncDispose]: () => pool.end() };
}

async function backends(): Promise<number> {
  const { rows } = await db.pool.query(
    `select from pg_stat_activity where datname = current_database() and application_name = 'lamplighter given up'`,
  );
  return rows.length;
}

test('a statement that is given up does not go on at the server', async () => {
  await using pool = openPool({ queryTimeoutMs: 200 });
  await expect(pool.query('select pg_sleep(60)')).rejects.toMatchObject({
    code: 'CONNECTION_LOST',
    message: expect.stringMatching(/no answer within 0\.2 s/),
  });
  await eventually(async () => expect(await backends()).toBe(0), { timeoutMs: 3_000 });
});

test('a statement behind a connection that is silent is given up in bounded time', async () => {
  await using pool = openPool({ queryTimeoutMs: 200 }, proxy.through(db.uri));
  await pool.query('select 1');
  proxy.strikeAll('freeze');
  proxy.isSilent = true;
  const startedMs = performance.now();
  await expect(pool.query('select 2')).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
  expect(performance.now() - startedMs).toBeLessThan(3_000);
  proxy.isSilent = false;
  await pool.query('select 3');
  proxy.strikeAll('cut');
});

test('what is urgent goes before all others that wait for a connection', async () => {
  await using pool = openPool({ max: 1 });
  const order: string[] = [];
  const ask = (name: string, from: Pick<Pool, 'query'>) => from.query('select 1').then(() => order.push(name));
  await Promise.all([ask('first', pool), ask('second', pool), ask('third', pool), ask('urgent', pool.urgent)]);
  expect(order).toEqual(['first', 'urgent', 'second', 'third']);
});
