import type pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { openSession, type SqlSession } from '../support/sql-session.ts';
import { type SqlWorker, startSqlWorker } from '../support/sql-worker.ts';

/**
 * What a call of an engine function touches, whatever statements are inside: blocks of 8 kB, read or found in memory. One session has
 * planned everything while the tables were empty, another plans against 50,000 rows without statistics, and again with them.
 */
const BACKLOG = 50_000;

let db: TestDatabase;
let early: SqlSession;
let late: SqlSession;
let worker: SqlWorker;
beforeAll(async () => {
  db = await createTestDatabase();
  early = await openSession(db.uri);
  late = await openSession(db.uri);
  await db.pool.query(`select lamplighter.set('max_queue_size', '0')`);
  await db.pool.query('alter table steadytext_queue set (autovacuum_enabled = off)');
  worker = await startSqlWorker(db.pool);
  await db.pool.query('create sequence numbers');
  await warmUp(early.client);
  await db.pool.query(`select lamplighter.set('max_queue_size', '10000000')`);
  await fill();
});
afterAll(async () => {
  await early[Symbol.asyncDispose]();
  await late[Symbol.asyncDispose]();
  await db[Symbol.asyncDispose]();
});

/** Ordinary sessions repeat statements, and get generic plans from the sixth time on. */
async function warmUp(client: pg.Client): Promise<void> {
  for (let i = 0; i < 7; i += 1) {
    await client.query(`select steadytext_embed_async('warm')`);
    await client
      .query('select steadytext_get_async_result(request_id, 0) from steadytext_queue')
      .catch(() => undefined);
    for (const call of Object.values(CALLS)) await client.query(`select ${call()}`);
  }
  await client.query('delete from steadytext_queue');
}

async function fill(): Promise<void> {
  await db.pool.query(
    `insert into steadytext_queue (function_name, model, parameters, username, priority, status, run_at, attempt, worker_id)
     select 'generate', 'm' || n % 3, jsonb_build_object('prompt', 'prompt ' || n), 'role' || n % 5, n % 4,
       case when n % 10 < 4 then 'completed' else 'pending' end,
       case when n % 10 >= 8 then now() + interval '1 day' end, 1, case when n % 10 < 4 then $2::uuid end
     from generate_series(1, $1::int) as n`,
    [BACKLOG, worker.workerId],
  );
  await db.pool.query(
    `insert into steadytext_queue (function_name, parameters) select 'embed', '{"text_input": "t"}' from generate_series(1, 300)`,
  );
}

const CLAIMED = `(select c.ids from lamplighter.claim as c order by c.claim_number desc limit 1)`;

/** By name, what is called; each works whatever is in the queue. */
const CALLS = {
  list_ready: () => `lamplighter.list_ready(array['embed'], array['default'], 10)`,
  claim_requests: () =>
    `lamplighter.claim_requests('${worker.workerId}', nextval('numbers'), 'embed', 'default', array['postgres'], array[0], array[0]::bigint[],
       array[0]::bigint[], (extract(epoch from clock_timestamp()) * 1000000)::bigint, 10, 10)`,
  claim_requests_at_once: () =>
    `lamplighter.claim_requests_at_once('${worker.workerId}', nextval('numbers'), array['rerank', 'embed'], array['default', 'default'],
       array[10, 10])`,
  finish_requests: () =>
    `lamplighter.finish_requests('${worker.workerId}', ${CLAIMED}, array(select 1 from generate_series(1, 10)),
       array(select 'completed' from generate_series(1, 10)), array(select 'r' from generate_series(1, 10)), array_fill(null::text, array[10]),
       array_fill(null::float8, array[10]), array_fill(null::bytea, array[10]), 3)`,
  list_lost: () => `lamplighter.list_lost('${worker.workerId}', array[1, 2, 3]::bigint[], array[1, 1, 1])`,
  promote_requests: () => 'lamplighter.promote_requests(100)',
  rescue_requests: () => 'lamplighter.rescue_requests(3)',
  claim_quarantined: () =>
    `lamplighter.claim_quarantined('${worker.workerId}', nextval('numbers'), array['embed'], array['default'], array[9])`,
  cancel_abandoned: () => 'lamplighter.cancel_abandoned()',
  measure_queue: () => 'lamplighter.measure_queue()',
  request_wake_up: () => `lamplighter.request_wake_up('requests')`,
  lookup_cached_results: () => `lamplighter.lookup_cached_results(array['\\x00', '\\x01']::bytea[])`,
  enqueue: () => `steadytext_embed_async('one more')`,
  check: () => 'steadytext_check_async(gen_random_uuid())',
  cancel: () => 'steadytext_cancel_async(gen_random_uuid())',
} satisfies Record<string, () => string>;

async function blocksOf(client: pg.Client, call: string): Promise<number> {
  const { rows } = await client.query(`explain (analyze, buffers, costs off, timing off, format json) select ${call}`);
  const plan = rows[0]['QUERY PLAN'][0].Plan;
  return plan['Shared Hit Blocks'] + plan['Shared Read Blocks'] + plan['Shared Dirtied Blocks'];
}

/**
 * The least that one of a few calls touches. Any other database of the server can make a session read its catalogs anew, which costs more
 * than most of these calls; what a plan costs, each of them costs.
 */
async function leastBlocksOf(client: pg.Client, call: () => string, enough: number): Promise<number> {
  let least = await blocksOf(client, call());
  for (let left = 3; left > 0 && least >= enough; left -= 1) least = Math.min(least, await blocksOf(client, call()));
  return least;
}

/** Ten rows claimed or ended are ten heap writes, their index entries and the descents of their trees. */
const BUDGET: Readonly<Record<keyof typeof CALLS, number>> = {
  list_ready: 60,
  claim_requests: 600,
  claim_requests_at_once: 660,
  finish_requests: 600,
  list_lost: 40,
  promote_requests: 20,
  rescue_requests: 40,
  claim_quarantined: 20,
  cancel_abandoned: 20,
  measure_queue: 20,
  request_wake_up: 20,
  lookup_cached_results: 20,
  enqueue: 80,
  check: 20,
  cancel: 20,
};

const NAMES = Object.keys(CALLS) as (keyof typeof CALLS)[];

test.each(NAMES)('%s touches few blocks though it was planned on an empty table', async (name) => {
  await blocksOf(early.client, CALLS[name]());
  expect(await leastBlocksOf(early.client, CALLS[name], BUDGET[name])).toBeLessThan(BUDGET[name]);
});

test.each(NAMES)('%s touches few blocks behind a backlog of another lane, without statistics', async (name) => {
  await blocksOf(late.client, CALLS[name]());
  expect(await leastBlocksOf(late.client, CALLS[name], BUDGET[name])).toBeLessThan(BUDGET[name]);
});

test('and with statistics', async () => {
  await db.pool.query('analyze steadytext_queue');
  const over: string[] = [];
  for (const name of NAMES) {
    await blocksOf(late.client, CALLS[name]());
    const blocks = await leastBlocksOf(late.client, CALLS[name], BUDGET[name]);
    if (blocks >= BUDGET[name]) over.push(`${name}: ${blocks}`);
  }
  expect(over).toEqual([]);
});

test('analyze at a moment when nothing runs does not change how a finish is planned', async () => {
  await using session = await openSession(db.uri);
  const other = await startSqlWorker(session.client);
  await db.pool.query('analyze steadytext_queue');
  const claimed = await other.claim({ limit: 100 });
  const ids = claimed.map(({ id }) => id).sort((a, b) => Number(a) - Number(b));
  const blocks = await blocksOf(
    session.client,
    `lamplighter.finish_requests('${other.workerId}', '{${ids.join(',')}}', array_fill(1, array[${ids.length}]),
       array_fill('completed'::text, array[${ids.length}]), array_fill('r'::text, array[${ids.length}]), null, null, null, 3)`,
  );
  expect(ids.length).toBe(100);
  expect(blocks / ids.length).toBeLessThan(60);
});

test('a claim from quarantine costs what is in quarantine, not the queue', async () => {
  await using session = await openSession(db.uri);
  const other = await startSqlWorker(session.client);
  await other.claim({ limit: 50 });
  await session.client.query(
    'insert into lamplighter.quarantine (id, deaths) select id, 2 from lamplighter.list_in_flight($1)',
    [other.workerId],
  );
  await other.fallSilent();
  await session.client.query('select lamplighter.rescue_requests(3)');
  const alive = await startSqlWorker(session.client);
  const call = `lamplighter.claim_quarantined('${alive.workerId}', nextval('numbers'), array['embed'], array['default'], array[1])`;
  await blocksOf(session.client, call);
  expect(await blocksOf(session.client, call)).toBeLessThan(400);
  expect(await blocksOf(session.client, 'lamplighter.rescue_requests(3)')).toBeLessThan(600);
});

test('a look for abandoned requests costs what the autonomous ones cost', async () => {
  await using session = await openSession(db.uri);
  const abandon = () =>
    session.client.query(
      `select lamplighter.enqueue_autonomous(gen_random_uuid(), gen_random_uuid(), 'postgres', 'embed', '{}', 0, 'default')
       from generate_series(1, 3)`,
    );
  await abandon();
  await blocksOf(session.client, 'lamplighter.cancel_abandoned()');
  await abandon();
  expect(await blocksOf(session.client, 'lamplighter.cancel_abandoned()')).toBeLessThan(150);
});

test('an enqueue near the limit counts no further than the limit', async () => {
  await using session = await openSession(db.uri);
  await db.pool.query(`select lamplighter.set('max_queue_size', '100')`);
  const enqueue = `explain (analyze, buffers, format json) select steadytext_embed_async('t')`;
  await expect(session.client.query(enqueue)).rejects.toMatchObject({ code: '53400' });
  expect(await blocksOf(session.client, 'lamplighter.count_pending(101)')).toBeLessThan(BACKLOG / 100);
  await db.pool.query(`select lamplighter.set('max_queue_size', '0')`);
});

test('the claim of one lane uses its index from the first entry, in the order of the queue', async () => {
  await using session = await openSession(db.uri);
  await session.client.query('set enable_seqscan = off; set enable_bitmapscan = off; set enable_sort = off');
  const { rows } = await session.client.query(
    `explain (costs off, format json)
     select c.id from public.steadytext_queue as c
     where c.status = 'pending' and c.run_at is null and c.function_name = 'embed' and c.model = 'default' and c.username = 'postgres'
       and c.priority = 0 and (c.created_at, c.id) >= ('-infinity', 0)
     order by c.created_at, c.id limit 10 for update skip locked`,
  );
  const plan = JSON.stringify(rows[0]['QUERY PLAN']);
  expect(plan).toContain('steadytext_queue_ready_idx');
  expect(plan).not.toContain('"Sort"');
  expect(plan).toContain("AND (username = 'postgres'::text) AND (priority = 0) AND (ROW(created_at, id) >=");
});

// A plan that does without a way which was switched off may cost 10^10 for PostgreSQL 14 to 17, which then compile it, for a second each time.
test('whatever steers its plan is not compiled', async () => {
  const { rows } = await db.pool.query(
    `select p.oid::regproc::text as name from pg_proc as p
     where exists (select from unnest(p.proconfig) as s where s ~ '^enable_.*=off$') and not 'jit=off' = any (p.proconfig)`,
  );
  expect(rows).toEqual([]);
  const { rows: steering } = await db.pool.query(`select from pg_proc as p where 'jit=off' = any (p.proconfig)`);
  expect(steering.length).toBeGreaterThan(20);
});
