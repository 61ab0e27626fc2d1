import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { startEmbeddedServer } from '../../src/db/embedded/embedded-server.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { migrateAs } from '../support/owned-database.ts';
import { embed, firstValue, generate, rowsOf, untilStatus, untilStatusAfterRetries } from '../support/requests.ts';
import { openSession } from '../support/sql-session.ts';
import { openTestPool } from '../support/test-pool.ts';
import { startTestWorker } from '../support/test-worker.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
  const { hostname, port, pathname, username, password } = new URL(db.uri);
  await db.pool.query('create extension dblink');
  await db.pool.query('insert into lamplighter.loopback (dsn) values ($1)', [
    `host=${hostname} port=${port} dbname=${pathname.slice(1)} user=${username} password=${password}`,
  ]);
});
afterEach(() => db.pool.query('delete from steadytext_queue'));
afterAll(() => db[Symbol.asyncDispose]());

test('retention deletes what ended long enough ago, by whatever end, and nothing else', async () => {
  await using _ = await startTestWorker({ uri: db.uri, retentionMs: 60_000, maxRetries: 0, functions: ['generate'] });
  const completed = [await generate(db.pool, 'old'), await generate(db.pool, 'recent')];
  const failed = [await generate(db.pool, '!fail'), await generate(db.pool, '!fail')];
  const cancelled = await embed(db.pool, ['x', 'y']);
  const pending = await embed(db.pool, ['never served']);
  await untilStatus(db.pool, completed, 'completed');
  await untilStatus(db.pool, failed, 'failed');
  for (const id of cancelled) await db.pool.query('select steadytext_cancel_async($1)', [id]);
  const old = [completed[0], failed[0], cancelled[0], pending[0]];
  await db.pool.query(
    `update steadytext_queue set completed_at = completed_at - interval '2 minutes', failed_at = failed_at - interval '2 minutes',
            created_at = created_at - interval '2 minutes'
     where request_id = any ($1)`,
    [old],
  );
  // A worker prunes when it starts, and then at half the retention or once a minute.
  await using other = await startTestWorker({ uri: db.uri, retentionMs: 60_000, functions: ['rerank'] });
  const left = [completed[1], failed[1], cancelled[1], ...pending].sort();
  await eventually(async () => {
    const { rows } = await db.pool.query<{ request_id: string }>('select request_id from steadytext_queue');
    expect(rows.map(({ request_id }) => request_id).sort()).toEqual(left);
  });
  expect(other.warnings()).toEqual([]);
});

test('without retention nothing is deleted; rows of workers that ended a day ago are', async () => {
  await db.pool.query(
    `insert into lamplighter.worker (hostname, pid, version, functions, lanes, concurrency, lease_ms, status, last_heartbeat)
     values ('yesterday', 1, '0', '{}', '{}', 1, 1000, 'stopped', now() - interval '25 hours'),
            ('today', 1, '0', '{}', '{}', 1, 1000, 'stopped', now() - interval '23 hours')`,
  );
  await db.pool.query(
    `insert into steadytext_queue (function_name, status, completed_at) values ('embed', 'completed', '2000-01-01')`,
  );
  await using _ = await startTestWorker({ uri: db.uri });
  const hosts = () =>
    firstValue<string[]>(db.pool, `select array_agg(hostname) from steadytext_worker_status() where version = '0'`);
  await eventually(async () => expect(await hosts()).toEqual(['today']));
  expect(await firstValue(db.pool, 'select count(*)::int from steadytext_queue')).toBe(1);
});

test('a transaction queues and waits, and gets the answer of a worker; its own request is not run again', async () => {
  await using tested = await startTestWorker({ uri: db.uri });
  const client = await db.pool.connect();
  try {
    await client.query('begin');
    const id = await generate(client, 'asked and answered in one transaction');
    expect(await firstValue(client, 'select steadytext_get_async_result($1, 10)', [id])).toBe(
      'asked and answered in one transaction',
    );
    await client.query('commit');
    expect(await rowsOf(db.pool, [id])).toMatchObject([{ status: 'completed', attempt: 1 }]);
  } finally {
    client.release();
  }
  await untilStatus(db.pool, await embed(db.pool, ['next']), 'completed');
  expect(tested.calls.texts.filter((text) => text.startsWith('asked'))).toHaveLength(1);
});

test('when the transaction that waits is gone, the work for it is broken off', async () => {
  await using tested = await startTestWorker({ uri: db.uri });
  await using session = await openSession(db.uri);
  await session.client.query('begin');
  const id = await generate(session.client, '!hang');
  const waiting = session.client.query('select steadytext_get_async_result($1, 30)', [id]).catch(() => 'cut');
  await eventually(() => expect(tested.calls.running).toBe(1));
  await db.pool.query('select pg_terminate_backend($1)', [session.pid]);
  expect(await waiting).toBe('cut');
  await eventually(() => expect(tested.calls.running).toBe(0));
  const { rows } = await db.pool.query('select status, error from steadytext_queue');
  expect(rows).toEqual([{ status: 'cancelled', error: 'The transaction that waited for this request has ended' }]);
});

test('every end is announced, once', async () => {
  await using session = await openSession(db.uri);
  const events: unknown[] = [];
  session.client.on('notification', ({ payload = '' }) => events.push(payload));
  await session.client.query('listen steadytext_completed');
  await using tested = await startTestWorker({ uri: db.uri, maxRetries: 1, provider: { maxBatch: 1 } });
  const [completed = ''] = await embed(db.pool, ['announced']);
  const failed = await generate(db.pool, '!fail');
  const cancelled = await generate(db.pool, '!hang');
  await untilStatus(db.pool, [completed], 'completed');
  await eventually(() => expect(tested.calls.running).toBe(1));
  await db.pool.query('select steadytext_cancel_async($1)', [cancelled]);
  await untilStatusAfterRetries(db.pool, [failed], 'failed');
  await eventually(() => expect(events).toHaveLength(3));
  expect(events.sort()).toEqual(
    [
      `{"request_id": "${completed}", "function": "embed", "status": "completed"}`,
      `{"request_id": "${failed}", "function": "generate", "status": "failed"}`,
      `{"request_id": "${cancelled}", "function": "generate", "status": "cancelled"}`,
    ].sort(),
  );
});

test('events are dropped and counted while the notification queue of the server is half full, and work goes on', async (context) => {
  const major = Math.floor(
    (await firstValue<number>(db.pool, `select current_setting('server_version_num')::int`)) / 10_000,
  );
  context.skip(major < 17, 'the queue of older servers takes 8 GB');
  const server = await startEmbeddedServer({
    persistent: false,
    settings: { fsync: 'off', max_notify_queue_pages: '64' },
  });
  const pool = openTestPool({ connectionString: server.uri });
  try {
    await migrateAs(server.uri);
    await using tested = await startTestWorker({ uri: server.uri });
    await untilStatus(pool, await embed(pool, ['before']), 'completed');
    await using reader = await openSession(server.uri);
    const heard: string[] = [];
    reader.client.on('notification', ({ channel }) => heard.push(channel));
    await reader.client.query('listen steadytext_completed');
    // Inside a transaction a session takes no notifications from the queue.
    await reader.client.query('begin; select 1');
    for (let n = 0; n < 45; n += 1) await pool.query(`select pg_notify('noise', repeat('x', 7900) || $1)`, [n]);
    expect(await firstValue(pool, 'select pg_notification_queue_usage()')).toBeGreaterThan(0.5);
    const dropped = () => firstValue<string>(pool, 'select sum(events_dropped) from lamplighter.worker').then(Number);
    expect(await dropped()).toBe(0);

    await untilStatus(pool, await embed(pool, ['silent 1', 'silent 2']), 'completed');
    await eventually(async () => expect(await dropped()).toBe(2));
    await reader.client.query('commit');
    await eventually(async () => expect(await firstValue(pool, 'select pg_notification_queue_usage()')).toBe(0));
    await untilStatus(pool, await embed(pool, ['heard']), 'completed');
    await eventually(() => expect(heard).toEqual(['steadytext_completed']));
    expect(tested.warnings()).toEqual([]);
  } finally {
    await pool.end();
    await server.stop();
  }
});
