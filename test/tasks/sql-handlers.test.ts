import process from 'node:process';
import type pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { sqlErrorOf } from '../support/sql-error.ts';
import { startSqlWorker } from '../support/sql-worker.ts';
import { createStage, type SqlTaskWorker, type Stage } from './sql-stage.ts';

/** Ten thousand in a long run. */
const MANY = process.env['LAMPLIGHTER_STORM_SECONDS'] === undefined ? 2_000 : 10_000;

let stage: Stage;
let worker: SqlTaskWorker;
beforeAll(async () => {
  stage = await createStage();
  const { names, database } = stage.cast;
  await database.pool.query(`create schema app; grant usage, create on schema app to ${names.a}, ${names.b}`);
});
afterAll(() => stage[Symbol.asyncDispose]());
beforeEach(async () => {
  await stage.clear();
  await admin().query(
    'delete from lamplighter.handler; delete from lamplighter.delivery; delete from steadytext_queue',
  );
  worker = await stage.startWorker();
  await a().query(
    `set search_path = app, public;
     drop table if exists app.seen;
     create table app.seen (event jsonb, who text default current_user, setting text default current_setting('steadytext.notify_payload', true));
     create or replace function app.on_end(payload jsonb) returns void language sql as $$ insert into seen (event) values (payload) $$;
     create or replace function app.on_any() returns void language sql as $$ insert into app.seen default values $$`,
  );
});

const a = () => stage.cast.sessions.a;
const b = () => stage.cast.sessions.b;
const admin = () => stage.cast.database.pool;

async function register(session: pg.Client, handler: string, functionName: string | null = null): Promise<string> {
  const { rows } = await session.query<{ id: string }>(`select steadytext_on_completed($1::regprocedure, $2) as id`, [
    handler,
    functionName,
  ]);
  return String(rows[0]?.id);
}

/** Queues requests and ends them all; their ids. */
async function complete(session: pg.Client, count = 1): Promise<string[]> {
  const { rows } = await session.query<{ id: string }>(
    `select unnest(steadytext_embed_batch_async(array(select 't' || n from generate_series(1, $1::int) as n))) as id`,
    [count],
  );
  const requests = await startSqlWorker(admin());
  while ((await requests.answer('[1]')) > 0);
  return rows.map(({ id }) => id);
}

/** Runs the tasks that handlers have, as a worker would; how many. */
async function runTasks(): Promise<number> {
  const tasks = await worker.claim();
  for (const task of tasks) {
    const uri = task.username === stage.cast.names.a ? stage.cast.logins.a.uri : stage.cast.logins.b.uri;
    const session = await worker.open(task, uri);
    await session.client.query(`select set_config('search_path', $1, false)`, [task.search_path]);
    await session.begin();
    const error = await session.client.query(`${task.query}; commit`).then(
      () => undefined,
      (reason: Error) => reason.message,
    );
    if (error !== undefined) await session.client.query('rollback');
    await worker.finish(task, error === undefined ? 'succeeded' : 'failed', error === undefined ? {} : { error });
    await session.kill();
  }
  return tasks.length;
}

const seen = async () => (await admin().query('select * from app.seen')).rows;
const deliveries = async () =>
  (
    await admin().query(
      'select request_id, attempts, error, failed_at is not null as is_failed from lamplighter.delivery order by delivery_id',
    )
  ).rows;
const makeDue = () => admin().query('update lamplighter.delivery set due_at = now()');

test('a handler is called once for each request of its role that ends, as that role, with the event', async () => {
  await register(a(), 'app.on_end(jsonb)');
  const [id] = await complete(a());
  await complete(b());
  expect(await runTasks()).toBe(1);
  const event = { request_id: id, function: 'embed', status: 'completed' };
  const rows = await seen();
  expect(rows).toEqual([{ event, who: stage.cast.names.a, setting: expect.any(String) }]);
  expect(JSON.parse(rows[0]?.setting)).toEqual(event);
  expect(await runTasks()).toBe(0);
  expect(await deliveries()).toEqual([]);
});

test('a handler may have no argument: the event is in the setting', async () => {
  await register(a(), 'app.on_any()');
  const [id] = await complete(a());
  await runTasks();
  expect(JSON.parse((await seen())[0]?.setting)).toMatchObject({ request_id: id });
});

test('whatever way a request ends, there is a call: completed, cancelled, in one transaction with the end', async () => {
  await register(a(), 'app.on_end(jsonb)');
  const { rows } = await a().query(`select steadytext_embed_async('x') as id`);
  await a().query('begin');
  await a().query('select steadytext_cancel_async($1)', [rows[0]?.id]);
  await a().query('rollback');
  expect(await deliveries()).toEqual([]);
  await a().query('select steadytext_cancel_async($1)', [rows[0]?.id]);
  await runTasks();
  expect((await seen()).map(({ event }) => event)).toEqual([
    { request_id: rows[0]?.id, function: 'embed', status: 'cancelled' },
  ]);
});

test('a filter keeps the calls to one function', async () => {
  await register(a(), 'app.on_end(jsonb)', 'generate');
  await complete(a());
  expect(await deliveries()).toEqual([]);
});

test('a hundred calls are one transaction, in order of ending, and one that fails takes nothing of the others with it', async () => {
  await register(a(), 'app.on_end(jsonb)');
  const ids = await complete(a(), 150);
  await a().query(
    `create or replace function app.on_end(payload jsonb) returns void language plpgsql as $$
     begin
       insert into app.seen (event) values (payload);
       if payload ->> 'request_id' = '${ids[3]}' then raise exception 'not this one'; end if;
     end $$`,
  );
  expect(await runTasks()).toBe(1);
  expect((await seen()).map(({ event }) => event.request_id)).toEqual(ids.slice(0, 100).filter((_, i) => i !== 3));
  expect(await runTasks()).toBe(1);
  expect(await seen()).toHaveLength(149);
  expect(await deliveries()).toEqual([{ request_id: ids[3], attempts: 1, error: 'not this one', is_failed: false }]);
});

test('after five attempts a call is given up and shown to its role, which can have it made again', async () => {
  await register(a(), 'app.on_end(jsonb)');
  const [id] = await complete(a());
  await a().query(
    `create or replace function app.on_end(payload jsonb) returns void language plpgsql as $$ begin raise 'no'; end $$`,
  );
  for (let attempt = 1; attempt <= 5; attempt += 1) {
    expect(await runTasks()).toBe(1);
    expect(await runTasks()).toBe(0);
    await makeDue();
  }
  expect(await runTasks()).toBe(0);
  const failures = await a().query('select * from lamplighter.handler_failures');
  expect(failures.rows).toMatchObject([
    { request_id: id, handler: 'app.on_end', function_name: 'embed', status: 'completed', attempts: 5, error: 'no' },
  ]);
  expect((await b().query('select from lamplighter.handler_failures')).rowCount).toBe(0);
  const retry = (session: pg.Client) =>
    session
      .query('select lamplighter.retry_delivery($1) as answer', [failures.rows[0]?.delivery_id])
      .then(({ rows }) => rows[0]?.answer);
  expect(await retry(b())).toBe(false);
  expect(await retry(a())).toBe(true);
  await a().query(
    `create or replace function app.on_end(payload jsonb) returns void language sql as $$ insert into app.seen (event) values (payload) $$`,
  );
  await runTasks();
  expect(await seen()).toHaveLength(1);
});

test('a failure of the whole transaction, as at its commit, is found by calling one by one', async () => {
  await register(a(), 'app.on_end(jsonb)');
  await a().query('alter table app.seen add constraint once unique (event) deferrable initially deferred');
  const ids = await complete(a(), 4);
  await a().query(
    `insert into app.seen (event) values ('{"request_id": "${ids[1]}", "function": "embed", "status": "completed"}')`,
  );
  expect(await runTasks()).toBe(1);
  expect(await seen()).toHaveLength(1);
  for (let i = 0; i < 6; i += 1) await runTasks();
  expect(await seen()).toHaveLength(4);
  expect(await deliveries()).toMatchObject([{ request_id: ids[1], attempts: 1 }]);
});

test('calls of a task that was lost are made by the next attempt, once', async () => {
  await register(a(), 'app.on_end(jsonb)');
  await complete(a(), 3);
  const task = await worker.claimOne();
  const session = await worker.open(task, stage.cast.logins.a.uri);
  await session.begin();
  await session.client.query(task.query);
  await session.kill();
  await expect.poll(() => worker.release(task, { isCharged: true })).toBe('queued');
  expect(await seen()).toEqual([]);
  await runTasks();
  expect(await seen()).toHaveLength(3);
});

test('a handler whose function is gone waits for it, and nothing is charged', async () => {
  await register(a(), 'app.on_end(jsonb)');
  await a().query('drop function app.on_end(jsonb)');
  await complete(a());
  expect(await runTasks()).toBe(0);
  expect(await deliveries()).toMatchObject([{ attempts: 0 }]);
  await a().query(
    `create function app.on_end(payload jsonb) returns void language sql as $$ insert into app.seen (event) values (payload) $$`,
  );
  await runTasks();
  expect(await seen()).toHaveLength(1);
});

test('a dropped handler is called no more, and nobody drops that of another role', async () => {
  const id = await register(a(), 'app.on_end(jsonb)');
  await complete(a());
  const drop = async (session: pg.Client) =>
    (await session.query('select steadytext_drop_handler($1) as answer', [id])).rows[0]?.answer;
  expect(await drop(b())).toBe(false);
  expect(await drop(a())).toBe(true);
  expect(await runTasks()).toBe(0);
  expect(await drop(a())).toBe(false);
});

test('registering the same again keeps the id; what is no handler is refused', async () => {
  const id = await register(a(), 'app.on_end(jsonb)');
  expect(await register(a(), 'app.on_end(jsonb)')).toBe(id);
  expect(await register(a(), 'app.on_end(jsonb)', 'embed')).not.toBe(id);
  await a().query('create or replace function app.no(text) returns void language sql as $$ $$');
  const refused = (text: string) => sqlErrorOf(a(), `select steadytext_on_completed(${text})`);
  expect(await refused(`'app.no(text)'`)).toMatchObject({ code: '22023' });
  expect(await refused('null')).toMatchObject({ code: '22023' });
  expect(await refused(`'app.on_end(jsonb)', 'embedd'`)).toMatchObject({
    code: '22023',
    message: 'Unknown function "embedd"',
  });
  await a().query('revoke execute on function app.on_end(jsonb) from public');
  expect(await sqlErrorOf(b(), `select steadytext_on_completed('app.on_end(jsonb)')`)).toMatchObject({ code: '42501' });
});

test('calls are no tasks of the role: its table, its view and its cancel_all know nothing of them', async () => {
  await register(a(), 'app.on_end(jsonb)');
  await complete(a());
  await worker.claimOne();
  expect((await a().query('select from lantern.tasks union all select from lantern.task_status')).rowCount).toBe(0);
  expect((await a().query('select lantern.cancel_all_async_tasks() as count')).rows).toEqual([{ count: '0' }]);
});

test('nor does whoever sees the tasks of all roles cancel a call, not even by emptying the table', async () => {
  const { owner } = stage.cast.sessions;
  await register(a(), 'app.on_end(jsonb)');
  await complete(a());
  await worker.claimOne();
  await admin().query(`update lamplighter.task_run set username = $1`, [stage.cast.names.owner]);
  const { rows } = await owner.query(
    'select lantern.cancel_all_async_tasks() as all, lantern.cancel_async_task(0) as zero',
  );
  expect(rows).toEqual([{ all: '0', zero: false }]);
  await owner.query('truncate lantern.tasks');
  expect((await admin().query('select from lamplighter.task_cancel')).rowCount).toBe(0);
});

test('only the session of the task reads a delivery or notes how it went', async () => {
  await register(a(), 'app.on_end(jsonb)');
  await complete(a());
  const { rows } = await admin().query('select delivery_id from lamplighter.delivery');
  const id = rows[0]?.delivery_id;
  await worker.claimOne();
  for (const session of [a(), b()]) {
    expect((await session.query('select * from lamplighter.read_delivery($1)', [id])).rows).toEqual([
      { payload: null, call: null, after_id: null },
    ]);
    await session.query('select lamplighter.finish_delivery($1, null), lamplighter.run_deliveries(array[$1])', [id]);
  }
  expect(await deliveries()).toHaveLength(1);
  expect(await sqlErrorOf(a(), 'insert into lamplighter.delivery (username) values (current_user)')).toMatchObject({
    code: '42501',
  });
  expect(
    await sqlErrorOf(
      b(),
      `insert into lamplighter.handler (username, role_oid, function_schema, function_identity, takes_payload, search_path)
       values ('${stage.cast.names.a}', 10, 'app', 'on_any', false, '')`,
    ),
  ).toMatchObject({ code: '42501' });
});

test('what a role locks of its own handlers and calls holds up no end of a request and no task of others', async () => {
  const handler = await register(a(), 'app.on_end(jsonb)');
  await complete(a());
  const locker = await stage.open(stage.cast.logins.a.uri);
  await locker.query('begin');
  await locker.query('select from lamplighter.handler for update');
  await locker.query('select from lamplighter.delivery for update');
  await locker.query('select steadytext_drop_handler($1)', [handler]);
  for (const lock of ['row share', 'row exclusive', 'share', 'access exclusive']) {
    for (const table of ['handler', 'delivery', 'handler_failures']) {
      expect(
        await sqlErrorOf(b(), `do $$ begin lock table lamplighter.${table} in ${lock} mode; end $$`),
      ).toMatchObject({ code: '42501' });
    }
  }
  await complete(a());
  await register(b(), 'app.on_any()');
  await complete(b());
  expect(await runTasks()).toBe(1);
  await locker.query('rollback');
  expect(await runTasks()).toBe(1);
});

test('nothing is written where nobody has registered', async () => {
  await complete(a(), 10);
  expect(await deliveries()).toEqual([]);
});

describe('the role that has registered', () => {
  /** A role with a grant, a handler of its own and a request that has ended since. */
  async function registrant(name: string) {
    const role = await stage.cast.database.createRole(name);
    await stage.cast.migrateAs(stage.cast.logins.owner, { grant: [role.name] });
    await admin().query(`grant usage, create on schema app to ${role.name}`);
    const session = await stage.open(role.uri);
    await session.query('create function app.own(payload jsonb) returns void language sql as $$ select $$');
    await register(session, 'app.own(jsonb)');
    await complete(session);
    await session.end();
    return role.name;
  }
  const settle = () => stage.cast.sessions.worker.query('select lamplighter.settle_stray_tasks()');
  const handlers = async () =>
    (await admin().query('select username from lamplighter.handler where not is_dropped')).rows;

  test('can be dropped, and its calls go with it: a role made again under its name is not called', async () => {
    const name = await registrant('leaving');
    await admin().query(`drop owned by ${name}`);
    await admin().query(`drop role ${name}`);
    await admin().query(`create role ${name} login password 'x'`);
    expect(await runTasks()).toBe(0);
    await settle();
    expect(await handlers()).toEqual([]);
    expect(await runTasks()).toBe(0);
    expect(await deliveries()).toEqual([]);
    await admin().query(`drop role ${name}`);
  });

  test('can be dropped while a worker has its calls: they go when that task ends', async () => {
    const name = await registrant('leaving_late');
    await worker.claimOne();
    await admin().query(`drop owned by ${name}`);
    await admin().query(`drop role ${name}`);
    await settle();
    await worker.die();
    await worker.rescue();
    worker = await stage.startWorker();
    expect(await runTasks()).toBe(0);
    await settle();
    expect(await handlers()).toEqual([]);
    expect(await deliveries()).toEqual([]);
    expect((await admin().query(`select from lamplighter.task_run where finished_at is null`)).rowCount).toBe(0);
  });

  test('is called no more once it has another name', async () => {
    const name = await registrant('renaming');
    await admin().query(`alter role ${name} rename to ${name}_2`);
    expect(await runTasks()).toBe(0);
    await settle();
    expect(await handlers()).toEqual([]);
    await admin().query(`drop owned by ${name}_2; drop role ${name}_2`);
  });
});

test(`${MANY} requests that end at once are called for once each, in order, a hundred in a transaction`, {
  timeout: 120_000,
}, async () => {
  await a().query('alter table app.seen add xid xid8 default pg_current_xact_id()');
  await register(a(), 'app.on_end(jsonb)');
  const ids = await complete(a(), MANY);
  let tasks = 0;
  while ((await runTasks()) > 0) tasks += 1;
  expect(tasks).toBe(MANY / 100);
  expect((await admin().query('select from app.seen group by xid having count(*) = 100')).rowCount).toBe(MANY / 100);
  expect((await seen()).map(({ event }) => event.request_id)).toEqual(ids);
  expect(await deliveries()).toEqual([]);
});
