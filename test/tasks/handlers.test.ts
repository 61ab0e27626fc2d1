import type pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { readPage } from '../docs/markdown-page.ts';
import { withClient } from '../support/admin.ts';
import { createTestDatabase, type TestDatabase, type TestRole } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { spawnWorker, startTestWorker, type WorkerProcess } from '../support/test-worker.ts';

/** What a handler has seen of a request: who called, and the event in its argument or in the setting. */
interface Sight {
  readonly handler: string;
  readonly who: string;
  readonly event: { readonly request_id: string; readonly function: string; readonly status: string };
}

let db: TestDatabase;
let ann: TestRole;
let bob: TestRole;
beforeAll(async () => {
  db = await createTestDatabase();
  ann = await db.createRole('ann');
  bob = await db.createRole('bob');
  for (const role of [ann, bob]) await db.pool.query(`select lamplighter.grant_caller('${role.name}')`);
});
beforeEach(async () => {
  await db.pool.query(
    `create schema app;
     grant usage, create on schema app to ${ann.name}, ${bob.name};
     create table app.seen (handler text, who text default session_user, event jsonb);
     grant insert on app.seen to public`,
  );
  await ask(
    ann,
    `create function app.process_done(payload jsonb) returns void language sql as
       $$ insert into app.seen (handler, event) values ('process_done', payload) $$;
     create function app.f() returns void language sql as
       $$ insert into app.seen (handler, event) values ('f', current_setting('steadytext.notify_payload')::jsonb) $$`,
  );
});
afterEach(() =>
  db.pool.query(
    `drop schema app cascade; delete from lamplighter.handler; delete from lamplighter.delivery;
     delete from lamplighter.task_run; delete from steadytext_queue`,
  ),
);
afterAll(() => db[Symbol.asyncDispose]());

const options = () => ({
  uri: db.uri,
  taskRoles: { [ann.name]: ann.uri, [bob.name]: bob.uri },
  maxRetries: 0,
  leaseMs: 1_000,
  heartbeatMs: 100,
});

/** Runs SQL as that role; the rows of the last statement. */
async function ask<Row extends pg.QueryResultRow>(role: TestRole, text: string): Promise<Row[]> {
  return withClient(role.uri, async (client) => {
    const results = await client.query<Row>(text);
    return (Array.isArray(results) ? results.at(-1) : results).rows;
  });
}

const register = (role: TestRole, ...handlers: readonly string[]) =>
  ask(role, handlers.map((handler) => `select steadytext_on_completed('${handler}')`).join(';'));

/** Queues that many requests, which a worker completes but for every seventh, which fails; the ids. */
async function queue(role: TestRole, count: number, label = 'text'): Promise<string[]> {
  const rows = await ask<{ id: string }>(
    role,
    `select steadytext_embed_async(format(case when n % 7 = 0 then '!fail ${label} %s' else '${label} %s' end, n)) as id
     from generate_series(1, ${count}) as n`,
  );
  return rows.map(({ id }) => id);
}

const readSeen = async () => (await db.pool.query<Sight>('select * from app.seen')).rows;

/** Resolves when no call is left to be made, but for those given up. */
const untilCalled = (timeoutMs = 30_000) =>
  eventually(
    async () => {
      const { rows } = await db.pool.query(
        `select (select count(*)::int from steadytext_queue where status in ('pending', 'processing')) as requests,
                (select count(*)::int from lamplighter.delivery where failed_at is null) as calls`,
      );
      expect(rows).toEqual([{ requests: 0, calls: 0 }]);
    },
    { timeoutMs },
  );

/** One call for each request and handler, with the status that the request has. */
async function expectEachOnce(role: TestRole, ids: readonly string[], handlers: readonly string[]): Promise<void> {
  const { rows } = await db.pool.query<{ request_id: string; status: string }>(
    'select request_id, status from steadytext_queue where request_id = any ($1)',
    [ids],
  );
  const sightings = (await readSeen()).filter(({ who }) => who === role.name);
  const told = sightings.map(({ handler, event }) => `${handler} ${event.request_id} ${event.status}`);
  const due = handlers.flatMap((name) => rows.map(({ request_id, status }) => `${name} ${request_id} ${status}`));
  expect(rows).toHaveLength(ids.length);
  expect(told.sort()).toEqual(due.sort());
}

test('each completed, failed and cancelled request of its role is seen once, by a handler with an argument and one without', async () => {
  await register(ann, 'app.process_done(jsonb)', 'app.f()');
  const ids = await queue(ann, 21);
  await queue(bob, 5);
  const cancelled = await ask<{ was: boolean }>(
    ann,
    `select steadytext_cancel_async(id) as was from unnest(array['${ids[0]}', '${ids[1]}']::uuid[]) as id`,
  );
  expect(cancelled).toEqual([{ was: true }, { was: true }]);
  await using worker = await startTestWorker(options());
  await untilCalled();
  await expectEachOnce(ann, ids, ['process_done', 'f']);
  const statuses = (await readSeen()).map(({ event }) => event.status);
  expect([...new Set(statuses)].sort()).toEqual(['cancelled', 'completed', 'failed']);
  expect(statuses).toHaveLength(42);
  expect(worker.warnings()).toEqual([]);
});

describe('two workers, of which one is killed', { timeout: 60_000 }, () => {
  test.each([0, 40, 120, 300])('%i ms after the first call was committed: each request is seen once', async (ms) => {
    await register(ann, 'app.process_done(jsonb)', 'app.f()');
    await register(bob, 'app.f()');
    await ask(
      ann,
      `create or replace function app.f() returns void language sql as
         $$ insert into app.seen (handler, event) values ('f', current_setting('steadytext.notify_payload')::jsonb);
            select pg_sleep(0.002) $$`,
    );
    const first: WorkerProcess = await spawnWorker(options());
    await using _first = first;
    await using _second = await spawnWorker(options());
    const ids = await queue(ann, 300, 'ann');
    const others = await queue(bob, 60, 'bob');
    await eventually(async () => expect(await readSeen()).not.toEqual([]), { intervalMs: 5 });
    await new Promise((resolve) => setTimeout(resolve, ms));
    first.kill('SIGKILL');
    await first.exited;
    await untilCalled();
    await expectEachOnce(ann, ids, ['process_done', 'f']);
    await expectEachOnce(bob, others, ['f']);
  });
});

test('a worker that is killed in the midst of calls has committed none of them, and another makes them', async () => {
  await register(ann, 'app.process_done(jsonb)');
  await ask(
    ann,
    `create or replace function app.process_done(payload jsonb) returns void language sql as
       $$ insert into app.seen (handler, event) values ('process_done', payload); select pg_advisory_xact_lock(7) $$`,
  );
  const gate = await db.pool.connect();
  await gate.query('select pg_advisory_lock(7)');
  const first = await spawnWorker(options());
  await using _first = first;
  const ids = await queue(ann, 10);
  await eventually(async () => {
    const { rowCount } = await db.pool.query(
      `select from pg_stat_activity where usename = $1 and wait_event = 'advisory'`,
      [ann.name],
    );
    expect(rowCount).toBe(1);
  });
  first.kill('SIGKILL');
  await first.exited;
  await using _second = await spawnWorker(options());
  await gate.query('select pg_advisory_unlock(7)');
  gate.release();
  await untilCalled();
  await expectEachOnce(ann, ids, ['process_done']);
});

test('a handler that raises for one of many is called five times for it, and once more when its role says so', async () => {
  await register(ann, 'app.process_done(jsonb)');
  const ids = await queue(ann, 20);
  await ask(
    ann,
    `create sequence app.tries;
     create or replace function app.process_done(payload jsonb) returns void language plpgsql as $$
     begin
       insert into app.seen (handler, event) values ('process_done', payload);
       if payload ->> 'request_id' = '${ids[4]}' then
         perform nextval('app.tries');
         raise exception 'not this one';
       end if;
     end $$`,
  );
  await using _worker = await startTestWorker(options());
  // The pauses between the attempts are 15 s in all.
  await eventually(
    async () => {
      await db.pool.query('update lamplighter.delivery set due_at = now() where run_id is null and failed_at is null');
      expect(await ask(ann, 'select from lamplighter.handler_failures')).toHaveLength(1);
    },
    { timeoutMs: 30_000 },
  );
  const [failure] = await ask(ann, 'select * from lamplighter.handler_failures');
  expect(failure).toMatchObject({ request_id: ids[4], attempts: 5, error: 'not this one', status: 'completed' });
  expect(await ask(ann, 'select last_value from app.tries')).toEqual([{ last_value: '5' }]);
  await untilCalled();
  const others = ids.filter((id) => id !== ids[4]);
  await expectEachOnce(ann, others, ['process_done']);
  await ask(
    ann,
    `create or replace function app.process_done(payload jsonb) returns void language sql as
       $$ insert into app.seen (handler, event) values ('process_done', payload) $$;
     select lamplighter.retry_delivery(${failure?.['delivery_id']})`,
  );
  await untilCalled(5_000);
  await expectEachOnce(ann, ids, ['process_done']);
  expect(await ask(ann, 'select from lamplighter.handler_failures')).toEqual([]);
});

test('the time limit of the worker ends a handler that hangs, which is charged with it; the others are called', async () => {
  await register(ann, 'app.process_done(jsonb)', 'app.f()');
  const ids = await queue(ann, 3);
  await ask(
    ann,
    `create or replace function app.process_done(payload jsonb) returns void language plpgsql as $$
     begin
       insert into app.seen (handler, event) values ('process_done', payload);
       if payload ->> 'request_id' = '${ids[1]}' then perform pg_sleep(600); end if;
     end $$`,
  );
  await using _worker = await startTestWorker({ ...options(), timeoutMs: 500 });
  await eventually(
    async () => {
      const { rows } = await db.pool.query(
        'select request_id, attempts > 0 as is_charged, error from lamplighter.delivery',
      );
      expect(rows).toEqual([
        {
          request_id: ids[1],
          is_charged: true,
          error: expect.stringContaining('canceling statement due to statement timeout'),
        },
      ]);
    },
    { timeoutMs: 20_000 },
  );
  const sightings = (await readSeen()).map(({ handler, event }) => `${handler} ${event.request_id}`);
  expect(sightings.sort()).toEqual(
    [...ids.map((id) => `f ${id}`), `process_done ${ids[0]}`, `process_done ${ids[2]}`].sort(),
  );
});

test('the body that pg_steadytext documents works, once it returns void and has an ELSE', async () => {
  await ask(
    ann,
    `create function app.note(what text, request_id uuid) returns void language sql as
       $$ insert into app.seen (handler, event) values (what, jsonb_build_object('request_id', request_id)) $$;
     create function app.handle_completion_notification() returns void as $$
     declare
         payload jsonb;
         request_id uuid;
     begin
         payload := current_setting('steadytext.notify_payload')::jsonb;
         request_id := (payload->>'request_id')::uuid;
         case payload->>'function'
             when 'generate' then
                 perform app.note('generation', request_id);
             when 'embed' then
                 perform app.note('embedding', request_id);
             when 'rerank' then
                 perform app.note('reranking', request_id);
             else
                 null;
         end case;
     end;
     $$ language plpgsql`,
  );
  await register(ann, 'app.handle_completion_notification()');
  await ask(
    ann,
    `select steadytext_generate_async('a'), steadytext_embed_async('b'), steadytext_rerank_async('c', array['d']),
            steadytext_generate_choice_async('e', array['f', 'g'])`,
  );
  await using worker = await startTestWorker(options());
  await untilCalled();
  expect((await readSeen()).map(({ handler }) => handler).sort()).toEqual(['embedding', 'generation', 'reranking']);
  expect(await ask(ann, 'select from lamplighter.handler_failures')).toEqual([]);
  expect(worker.warnings()).toEqual([]);
});

test('the handler on the page on tasks stores each embedding, in place of a loop', async () => {
  const page = readPage('docs/concepts/async-tasks.md');
  const first = page.blocks.findIndex(({ text }) => text.includes('create table embedding_queue'));
  const [tables, handler, queueing] = page.blocks.slice(first, first + 3).map(({ text }) => text);
  expect(handler).toContain('steadytext_on_completed');
  await using _worker = await startTestWorker(options());
  await ask(ann, `set search_path = app, public; ${tables}; ${handler}; ${queueing}`);
  await untilCalled();
  const { rows } = await db.pool.query(
    'select id, array_length(embedding, 1) > 0 as is_stored from app.documents order by id',
  );
  expect(rows).toEqual([
    { id: '1', is_stored: true },
    { id: '2', is_stored: true },
  ]);
});

test('a handler that queues what it handles itself is stopped after a hundred calls in a row, and says so', {
  timeout: 60_000,
}, async () => {
  await register(ann, 'app.process_done(jsonb)');
  await ask(
    ann,
    `create or replace function app.process_done(payload jsonb) returns void language sql as
       $$ insert into app.seen (handler, event) values ('process_done', payload);
          select steadytext_embed_async('again') $$`,
  );
  await using _worker = await startTestWorker(options());
  await queue(ann, 1);
  await eventually(async () => expect(await ask(ann, 'select from lamplighter.handler_failures')).toHaveLength(1), {
    timeoutMs: 60_000,
  });
  await untilCalled();
  expect(await readSeen()).toHaveLength(101);
  expect(await ask(ann, 'select attempts, error from lamplighter.handler_failures')).toEqual([
    { attempts: 0, error: expect.stringContaining('A hundred calls of handlers led to this one') },
  ]);
  expect((await db.pool.query('select from lamplighter.handler_chain')).rowCount).toBe(0);
});
