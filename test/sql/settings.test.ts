import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { loadQuery } from '../../src/db/load-sql.ts';
import { withClient } from '../support/admin.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { sqlErrorOf } from '../support/sql-error.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
});
afterAll(() => db[Symbol.asyncDispose]());
beforeEach(() => db.pool.query('update lamplighter.setting set value = null, server_value = null'));

async function record(seen: readonly (string | null)[]) {
  return (await db.pool.query(loadQuery('record_server_settings'), [...seen])).rows;
}

test.each([
  ['max_queue_size', '50000', '50000'],
  ['steadytext.max_queue_size', ' 7 ', '7'],
  ['max_queue_size', '0', '0'],
  ['worker_concurrency', '1000', '1000'],
  ['worker_poll_interval', '1s', '1000ms'],
  ['worker_poll_interval', '2', '2000ms'],
  ['worker_poll_interval', '0.5', '500ms'],
  ['worker_poll_interval', '250ms', '250ms'],
  ['worker_poll_interval', '1 minute', '60000ms'],
])('set(%j, %j) stores %j', async (name, value, stored) => {
  expect((await db.pool.query('select lamplighter.set($1, $2) as stored', [name, value])).rows).toEqual([{ stored }]);
  const held = await record([null, null, null]);
  expect(held).toContainEqual({ name: name.replace('steadytext.', ''), value: stored, origin: 'table', problem: null });
});

test('setting NULL takes a value back', async () => {
  await db.pool.query(`select lamplighter.set('worker_concurrency', '9')`);
  await db.pool.query(`select lamplighter.set('worker_concurrency', null)`);
  expect(await record([null, null, null])).toEqual([
    { name: 'worker_concurrency', value: '4', origin: 'default', problem: null },
    { name: 'worker_poll_interval', value: '1000ms', origin: 'default', problem: null },
    { name: 'max_queue_size', value: '10000', origin: 'default', problem: null },
  ]);
});

test.each([
  ['max_queue_size', '-1', 'max_queue_size must be between 0 (no limit) and 1000000000, got -1'],
  ['max_queue_size', 'many', 'max_queue_size must be a whole number, got "many"'],
  ['max_queue_size', '1.5', 'max_queue_size must be a whole number, got "1.5"'],
  ['max_queue_size', '', 'max_queue_size must be a whole number, got ""'],
  ['worker_concurrency', '0', 'worker_concurrency must be between 1 and 1000, got 0'],
  ['worker_concurrency', '1001', 'worker_concurrency must be between 1 and 1000, got 1001'],
  ['worker_poll_interval', '1ms', 'worker_poll_interval must be between 10ms and 1h, got "1ms"'],
  ['worker_poll_interval', '2 hours', 'worker_poll_interval must be between 10ms and 1h, got "2 hours"'],
  ['worker_poll_interval', 'soon', `worker_poll_interval must be an interval such as '1s', got "soon"`],
  ['worker_pol_interval', '1s', 'Unknown setting "worker_pol_interval"'],
  ['max_queue', null, 'Unknown setting "max_queue"'],
  [null, '1', 'Unknown setting "NULL"'],
])('set(%j, %j) is refused: %s', async (name, value, message) => {
  expect(await sqlErrorOf(db.pool, 'select lamplighter.set($1, $2)', [name, value])).toMatchObject({
    message,
    code: '22023',
  });
});

test('a server setting wins over the table, an empty one counts as not set, and a bad one is reported', async () => {
  await db.pool.query(`select lamplighter.set('worker_concurrency', '9'), lamplighter.set('max_queue_size', '20')`);
  expect(await record(['16', 'soon', ''])).toEqual([
    { name: 'worker_concurrency', value: '16', origin: 'server', problem: null },
    {
      name: 'worker_poll_interval',
      value: '1000ms',
      origin: 'default',
      problem: `worker_poll_interval must be an interval such as '1s', got "soon"`,
    },
    { name: 'max_queue_size', value: '20', origin: 'table', problem: null },
  ]);
  expect(await record([null, null, null])).toMatchObject([
    { name: 'worker_concurrency', value: '9', origin: 'table' },
    {},
    {},
  ]);
});

test('a fresh session sees what was set for the database', async () => {
  const read = () =>
    withClient(db.uri, async (client) => (await client.query(loadQuery('read_server_settings'))).rows[0]);
  // Not set is null, or empty where migrate made the names known to the server.
  expect((await read()).worker_concurrency || null).toBeNull();
  await db.pool.query(`alter database ${db.name} set steadytext.worker_concurrency = '12'`);
  expect(await read()).toMatchObject({ worker_concurrency: '12' });
});
