import process from 'node:process';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readFigures } from '../../src/monitoring/read-figures.ts';
import { readRecent, readSeries } from '../../src/monitoring/read-series.ts';
import { readTroubles } from '../../src/monitoring/read-troubles.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { openSession, type SqlSession } from '../support/sql-session.ts';

/** `BOUNDED_ROWS=10000000 npx vitest run test/monitoring/bounded-reads.test.ts` takes ten million. */
const ROWS = Number(process.env['BOUNDED_ROWS'] ?? 1_000_000);
const MOST_READ = 50_000;

let db: TestDatabase;
let owner: SqlSession;
let caller: SqlSession;
beforeAll(async () => {
  db = await createTestDatabase();
  const role = await db.createRole('caller');
  await db.pool.query('select lamplighter.grant_caller($1)', [role.name]);
  owner = await openSession(db.uri);
  caller = await openSession(role.uri);
  // No trigger, and the indexes of the end: a twentieth of the time.
  await owner.client.query(`
    set session_replication_role = replica;
    alter table steadytext_queue drop constraint steadytext_queue_request_id_key;
    alter table steadytext_queue set (autovacuum_enabled = off);
    insert into steadytext_queue (id, function_name, model, parameters, status, created_at, username, priority, run_at, worker_id)
    select n, (array['embed', 'generate', 'rerank'])[n % 3 + 1], (array['default', 'other'])[n % 2 + 1], '{}',
           case when n % 5 = 0 then 'pending' else 'completed' end, now() - n % 86400 * interval '1 second',
           case when n % 2 = 0 then '${role.name}' else 'somebody' end, n % 7,
           case when n % 10 = 0 then null when n % 5 = 0 then now() + interval '1 hour' else '9000-01-01 00:00+00'::timestamptz end,
           null
    from generate_series(1, ${ROWS}) as n;
    insert into lamplighter.metric_lane (system, function_name, model) values ('requests', '', ''), ('requests', 'embed', 'default');
    insert into lamplighter.metric_minute (lane, minute, source, completed, waits, runs)
    select l.id, date_bin('1 minute', now(), 'epoch') - m * interval '1 minute', gen_random_uuid(), 1, '{1,2,3}', '{1,2,3}'
    from lamplighter.metric_lane as l, generate_series(0, 10079) as m;
    insert into lamplighter.task_run (run_id, jobid, username, role_oid, query, origin, state, queued_at)
    select n, n, 'somebody', 10, 'select 1', '', 'queued', now() from generate_series(1, ${ROWS / 10}) as n;
    set session_replication_role = origin`);
  await owner.client.query('vacuum analyze steadytext_queue');
}, 900_000);
afterAll(async () => {
  await owner?.[Symbol.asyncDispose]();
  await caller?.[Symbol.asyncDispose]();
  await db?.[Symbol.asyncDispose]();
}, 60_000);

/** Rows and entries of indexes that a session's transaction has read, whatever functions it called. */
async function readBy(session: SqlSession, work: (client: SqlSession['client']) => Promise<unknown>): Promise<number> {
  const { client } = session;
  // What earlier transactions have read stands there until the session tells the server of it.
  const read = async () =>
    Number(
      (
        await client.query<{ read: string }>(
          `select sum(pg_stat_get_xact_tuples_returned(c.oid))::text as read
           from pg_class as c
           join pg_namespace as n on n.oid = c.relnamespace
           where c.relkind in ('r', 'i') and n.nspname in ('public', 'lamplighter', 'lantern')`,
        )
      ).rows[0]?.read,
    );
  await client.query('begin');
  try {
    const before = await read();
    await work(client);
    return (await read()) - before;
  } finally {
    await client.query('rollback');
  }
}

test.each<[string, (client: SqlSession['client']) => Promise<unknown>]>([
  ['the figures of all', (client) => readFigures(client)],
  ['the backlog of a function', (client) => client.query(`select lamplighter.backlog('embed')`)],
  ['the last hour', (client) => readRecent(client, 'requests')],
  ['a series of a day', (client) => readSeries(client, { window: '24h', system: 'requests' })],
  [
    'a series of a function',
    (client) => readSeries(client, { window: '24h', system: 'requests', functionName: 'embed' }),
  ],
  ['a series of 90 days', (client) => readSeries(client, { window: '90d', system: 'requests' })],
  [
    'what is wrong',
    async (client) =>
      readTroubles(client, { figures: await readFigures(client), recent: await readRecent(client, 'requests') }),
  ],
])('however full the queue is, %s costs few reads', async (_, work) => {
  const read = await readBy(owner, work);
  expect(read).toBeGreaterThan(0);
  expect(read).toBeLessThanOrEqual(MOST_READ);
});

test('the figures of a caller cost few reads, and are its own', async () => {
  let figures: Awaited<ReturnType<typeof readFigures>> | undefined;
  const read = await readBy(caller, async (client) => {
    figures = await readFigures(client);
  });
  expect(read).toBeLessThanOrEqual(MOST_READ);
  expect(figures?.isOfAll).toBe(false);
  expect(figures?.lanes.length).toBeGreaterThan(0);
});

test('what was queued is counted in pieces, each of few reads', async () => {
  await owner.client.query(
    `insert into lamplighter.metric_cursor (system, counted_id, next_id, next_xid)
     values ('requests', 0, ${ROWS}, '3'), ('tasks', 0, ${ROWS / 10}, '3')
     on conflict on constraint metric_cursor_pkey do update set counted_id = 0, next_id = excluded.next_id, next_xid = '3';
     select setval('steadytext_queue_id_seq', ${ROWS}), setval('lamplighter.task_run_run_id_seq', ${ROWS / 10})`,
  );
  const read = await readBy(owner, (client) => client.query('select lamplighter.measure_enqueued()'));
  expect(read).toBeGreaterThan(20_000);
  expect(read).toBeLessThanOrEqual(MOST_READ);
});

test('what was cancelled is counted in pieces, each of few reads', async () => {
  await owner.client.query(
    `insert into lamplighter.metric_cancel (function_name, model, cancelled_at)
     select 'embed', 'default', now() from generate_series(1, 100000)`,
  );
  const read = await readBy(owner, (client) => client.query('select lamplighter.measure_cancelled()'));
  expect(read).toBeGreaterThan(10_000);
  expect(read).toBeLessThanOrEqual(MOST_READ);
});
