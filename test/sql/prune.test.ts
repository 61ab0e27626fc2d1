import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type PrunedWindow, pruneRequests } from '../../src/requests/prune-requests.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { openSession } from '../support/sql-session.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
  await db.pool.query('alter table steadytext_queue set (autovacuum_enabled = off)');
});
afterEach(() =>
  db.pool.query(`drop table if exists note, child cascade; drop trigger if exists refuse on steadytext_queue;
    delete from steadytext_queue`),
);
afterAll(() => db[Symbol.asyncDispose]());

/** Requests that ended two days ago, numbered in `priority` from 1. */
const fill = (count: number) =>
  db.pool.query(
    `insert into steadytext_queue (function_name, status, priority, created_at, completed_at)
     select 'embed', 'completed', n, now() - interval '2 days', now() - interval '2 days' from generate_series(1, $1::int) as n`,
    [count],
  );

/** Goes through the whole table. */
async function pruneAll(limit = 1_000): Promise<PrunedWindow[]> {
  const windows: PrunedWindow[] = [];
  for (let afterId: string | undefined = '0'; afterId !== undefined; ) {
    const window: PrunedWindow = await pruneRequests(db.pool, { olderThanMs: 86_400_000, afterId, limit });
    windows.push(window);
    afterId = window.lastId;
  }
  return windows;
}

const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0);

async function left(): Promise<number[]> {
  const { rows } = await db.pool.query<{ priority: number }>('select priority from steadytext_queue order by priority');
  return rows.map(({ priority }) => priority);
}

const REFERRING = [3, 4, 250, 500];
const NOTE = `insert into note select id from steadytext_queue where priority = any ('{${REFERRING.join(',')}}')`;

test.each([
  ['a foreign key', `create table note (ref bigint references steadytext_queue (id)); ${NOTE}`],
  [
    'a foreign key to the request id',
    `create table note (ref uuid references steadytext_queue (request_id)); ${NOTE.replace('id', 'request_id')}`,
  ],
  [
    'one that is checked at the end of the transaction',
    `create table note (ref bigint references steadytext_queue (id) deferrable initially deferred); ${NOTE}`,
  ],
  [
    'one of a table that follows',
    `create table note (ref bigint primary key references steadytext_queue (id) on delete cascade); ${NOTE};
     create table child (ref bigint references note (ref)); insert into child select ref from note`,
  ],
  [
    'a trigger',
    `create or replace function public.refuse() returns trigger language plpgsql as $$ begin raise exception 'kept by law'; end $$;
     create trigger refuse before delete on steadytext_queue for each row when (old.priority in (${REFERRING}))
       execute function public.refuse()`,
  ],
])('what %s holds stays, the rest goes, in windows and by steadytext_prune', async (_, setUp) => {
  await fill(600);
  await db.pool.query(setUp);
  const windows = await pruneAll();
  expect(await left()).toEqual(REFERRING);
  expect(sum(windows.map(({ pruned }) => pruned))).toBe(596);
  expect(sum(windows.map(({ held }) => held?.requests ?? 0))).toBe(4);

  await db.pool.query('update steadytext_queue set completed_at = now()');
  await fill(2);
  await db.pool.query('update steadytext_queue set completed_at = created_at');
  const notices: string[] = [];
  await using session = await openSession(db.uri);
  session.client.on('notice', ({ message }) => notices.push(message ?? ''));
  const { rows } = await session.client.query(`select steadytext_prune('1 day') as pruned`);
  expect(rows).toEqual([{ pruned: '2' }]);
  expect(await left()).toEqual(REFERRING);
  const { rows: ids } = await db.pool.query('select request_id from steadytext_queue order by id limit 1');
  expect(notices).toEqual([
    expect.stringMatching(new RegExp(`^Requests that could not be deleted: 4, one of them is ${ids[0].request_id}: .`)),
  ]);
  expect(notices[0]).toMatch(/foreign key constraint|kept by law/);
});

test('a key that lets rows go, or takes them along, holds nothing', async () => {
  await fill(100);
  await db.pool.query(`
    create table note (ref bigint references steadytext_queue (id) on delete set null);
    create table child (ref uuid references steadytext_queue (request_id) on delete cascade);
    insert into note select id from steadytext_queue; insert into child select request_id from steadytext_queue`);
  expect((await pruneAll()).map(({ pruned, held }) => [pruned, held])).toEqual([[100, undefined]]);
});

test('where a trigger refuses everything, a call gives up after a bounded number of tries, and the next goes on', async () => {
  await fill(2_000);
  await db.pool.query(`
    create or replace function public.refuse() returns trigger language plpgsql as $$ begin raise exception 'kept by law'; end $$;
    create trigger refuse before delete on steadytext_queue for each row execute function public.refuse()`);
  const windows = await pruneAll(1_000);
  expect(windows.length).toBeGreaterThan(2);
  expect(Math.max(...windows.map(({ held }) => held?.requests ?? 0))).toBeLessThan(600);
  expect(sum(windows.map(({ held }) => held?.requests ?? 0))).toBe(2_000);
});

test('the table of another role that refers to requests is not read, and holds them all the same', async () => {
  await fill(60);
  const other = await db.createRole('other');
  await db.pool.query(`grant references on steadytext_queue to ${other.name}; create schema if not exists theirs;
    grant usage, create on schema theirs to ${other.name}`);
  await using session = await openSession(other.uri);
  await session.client.query('create table theirs.note (ref bigint references public.steadytext_queue (id))');
  await db.pool.query('insert into theirs.note select id from steadytext_queue where priority = 7');
  // As a caller that has no right on that table.
  const caller = await db.createRole('caller');
  await db.pool.query(
    `select lamplighter.grant_caller('${caller.name}'); update steadytext_queue set username = '${caller.name}'`,
  );
  await using own = await openSession(caller.uri);
  const { rows } = await own.client.query(`select steadytext_prune('1 day') as pruned`);
  expect(rows).toEqual([{ pruned: '59' }]);
  expect(await left()).toEqual([7]);
  await db.pool.query('drop schema theirs cascade');
});

/** Blocks of 8 kB that a statement reads or finds in memory. */
async function blocksOf(statement: string): Promise<number> {
  const { rows } = await db.pool.query(`explain (analyze, buffers, costs off, timing off, format json) ${statement}`);
  const plan = rows[0]['QUERY PLAN'][0].Plan;
  return plan['Shared Hit Blocks'] + plan['Shared Read Blocks'];
}

test('a call reads as much as its window, whatever the size of the table, and wherever in it', async () => {
  const blocks: number[] = [];
  for (const count of [5_000, 45_000]) {
    await db.pool.query(
      `insert into steadytext_queue (function_name, status, run_at, completed_at, parameters)
       select 'embed', 'completed', '9000-01-01', now(), jsonb_build_object('text_input', repeat('x', 500))
       from generate_series(1, $1::int)`,
      [count],
    );
    const { rows } = await db.pool.query(
      'select min(id) - 1 as start, (min(id) + max(id)) / 2 as middle from steadytext_queue',
    );
    // From the first row on: rows that other tests deleted cost reads until a vacuum may take them away.
    for (const afterId of [rows[0].start, rows[0].middle]) {
      const call = `select lamplighter.prune_requests('1 day', ${afterId}, 500)`;
      // Any other database of the server can make a session read its catalogs anew.
      const calls = [await blocksOf(call), await blocksOf(call), await blocksOf(call)];
      blocks.push(Math.min(...calls));
    }
  }
  expect(Math.max(...blocks)).toBeLessThan(1_000);
  expect(Math.max(...blocks)).toBeLessThan(1.3 * Math.min(...blocks));
});

test('cached answers are looked up by key, whatever the size of the table', async () => {
  await db.pool.query(`
    insert into steadytext_queue (function_name, status, run_at, completed_at, parameters)
      select 'embed', 'completed', '9000-01-01', now(), jsonb_build_object('text_input', repeat('x', 500))
      from generate_series(1, 20000);
    insert into lamplighter.cached_result select int8send(q.id), q.id, q.completed_at from steadytext_queue as q;
    analyze lamplighter.cached_result; analyze steadytext_queue`);
  const call = `select lamplighter.prune_cached_results('', 100)`;
  await blocksOf(call);
  expect(await blocksOf(call)).toBeLessThan(1_200);
});

test('a foreign key without an index costs one look at its table', async () => {
  await fill(5_000);
  await db.pool.query(`
    create table note (ref bigint references steadytext_queue (id) on delete no action);
    insert into note select null from generate_series(1, 100000)`);
  const { rows } = await db.pool.query('select array_agg(id order by id) as ids from steadytext_queue');
  await using session = await openSession(db.uri);
  await session.client.query(`
    set enable_hashjoin = off; set enable_mergejoin = off; set enable_seqscan = off; set statement_timeout = '5s'`);
  const found = await session.client.query('select p_ids from lamplighter.list_unreferenced($1, null)', [rows[0].ids]);
  expect(found.rows[0].p_ids).toEqual(rows[0].ids);
  const late = await session.client.query(
    `select held_id from lamplighter.list_unreferenced($1, now() - interval '1 s')`,
    [rows[0].ids],
  );
  expect(late.rows).toEqual([{ held_id: null }]);
});

test('steadytext_prune leaves the constraints of its transaction as they were', async () => {
  await fill(3);
  await db.pool.query(`
    create table note (ref bigint references steadytext_queue (id) deferrable initially deferred);
    create table parent (id integer primary key);
    create table child (ref integer references parent (id) deferrable initially deferred)`);
  await using session = await openSession(db.uri);
  const pruned = async () => (await session.client.query(`select steadytext_prune('1 day') as pruned`)).rows[0].pruned;
  await session.client.query('begin; insert into child values (1)');
  expect(await pruned()).toBe('3');
  await session.client.query('insert into child values (2); insert into parent values (1), (2)');
  await session.client.query('insert into note values (-1)');
  await fill(2);
  expect(await pruned()).toBe('2');
  await session.client.query('delete from note; commit');
  await db.pool.query('drop table child, parent');
});

test('a row that would go along and is locked keeps its request for the next time, and is no reason to warn', async () => {
  await fill(3);
  await db.pool.query(`
    create table note (ref bigint primary key references steadytext_queue (id) on delete cascade);
    insert into note select id from steadytext_queue where priority = 2`);
  await using session = await openSession(db.uri);
  await session.client.query('begin; select from note for update');
  expect((await pruneAll()).map(({ pruned, held }) => [pruned, held])).toEqual([[2, undefined]]);
  await session.client.query('commit');
  expect((await pruneAll()).map(({ pruned, held }) => [pruned, held])).toEqual([[1, undefined]]);
});
