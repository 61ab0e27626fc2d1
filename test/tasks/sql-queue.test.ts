import type pg from 'pg';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { sqlErrorOf } from '../support/sql-error.ts';
import { createStage, type Stage } from './sql-stage.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await createStage();
});
afterAll(() => stage[Symbol.asyncDispose]());
beforeEach(() => stage.clear());

const a = () => stage.cast.sessions.a;
const owner = () => stage.cast.sessions.owner;
const admin = () => stage.cast.database.pool;

test('the table has exactly its nine documented columns', async () => {
  const { rows } = await admin().query<{ column: string }>(
    `select format('%s %s', a.attname, format_type(a.atttypid, a.atttypmod))
            || case when a.attnotnull then ' not null' else '' end
            || coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), '') as column
     from pg_attribute as a
     left join pg_attrdef as d on d.adrelid = a.attrelid and d.adnum = a.attnum
     where a.attrelid = 'lantern.tasks'::regclass and a.attnum > 0 order by a.attnum`,
  );
  expect(rows.map(({ column }) => column)).toEqual([
    `jobid bigint not null default nextval('lantern.tasks_jobid_seq'::regclass)`,
    'query text not null',
    'pg_cron_job_name text',
    'job_name text',
    'username text not null default CURRENT_USER',
    'started_at timestamp with time zone not null default now()',
    'duration interval',
    'status text',
    'error_message text',
  ]);
});

test('the view has its columns in the order of the contract', async () => {
  const { rows } = await admin().query<{ name: string }>(
    `select attname as name from pg_attribute where attrelid = 'lantern.task_status'::regclass and attnum > 0 order by attnum`,
  );
  expect(rows.map(({ name }) => name).join(' ')).toBe(
    'jobid job_name username state reason guarantee queued_at run_started_at finished_at wait run attempt worker ' +
      'backend_pid blocked_by command_tag row_count progress_phase progress_percent eta error_message',
  );
});

test('the functions have their documented signatures and run as their caller', async () => {
  const { rows } = await admin().query<{ signature: string; is_definer: boolean }>(
    `select format('%s(%s) %s', p.proname, pg_get_function_arguments(p.oid), pg_get_function_result(p.oid)) as signature,
            p.prosecdef as is_definer
     from pg_proc as p where p.pronamespace = 'lantern'::regnamespace order by 1`,
  );
  expect(rows).toEqual([
    { signature: 'async_task(query text, job_name text DEFAULT NULL::text) bigint', is_definer: false },
    { signature: 'cancel_all_async_tasks() bigint', is_definer: false },
    { signature: 'cancel_async_task(jobid bigint) boolean', is_definer: false },
  ]);
});

test.each([
  ['null', null],
  ['an empty text', ''],
  ['a blank text', ' \t\n\u00a0'],
])('%s is refused, and nothing is queued', async (_, query) => {
  expect(await sqlErrorOf(a(), 'select lantern.async_task($1)', [query])).toMatchObject({
    code: '22023',
    message: 'Query cannot be empty',
  });
  expect(await sqlErrorOf(a(), 'insert into lantern.tasks (query) values ($1)', [query])).toMatchObject({
    code: '22023',
    message: 'Query cannot be empty',
  });
  expect((await admin().query('select from lamplighter.task_run')).rowCount).toBe(0);
});

test('a text of more than 16 MB is refused, and so is a name of more than 1000 bytes, whoever queues it', async () => {
  for (const session of [a(), owner()]) {
    expect(await sqlErrorOf(session, `select lantern.async_task(repeat('x', 16777217))`)).toMatchObject({
      code: '22023',
      message: 'A task may have 16 MB at most, got 16777217 bytes',
    });
    expect(
      await sqlErrorOf(session, `insert into lantern.tasks (query, job_name) values ('select 1', repeat('é', 501))`),
    ).toMatchObject({ code: '22023', message: 'job_name must be a name of at most 1000 bytes, got 1002' });
  }
  expect((await admin().query('select from lamplighter.task_run')).rowCount).toBe(0);
});

test('the text is kept verbatim, however odd or long', async () => {
  const text = `\r\n select E'\\'' || $$;$$ -- ünï 🕯\n${'x'.repeat(2_000_000)}\t;`;
  const jobid = await stage.queue(a(), text);
  expect((await stage.task(jobid))['query']).toBe(text);
  const { rows } = await admin().query('select query from lamplighter.task_run where jobid = $1', [jobid]);
  expect(rows[0]?.query).toBe(text);
});

test('a transaction that is rolled back leaves no task', async () => {
  await a().query('begin');
  await stage.queue(a(), 'select 1');
  await a().query('rollback');
  expect((await admin().query('select from lamplighter.task_run union all select from lantern.tasks')).rowCount).toBe(
    0,
  );
});

test('started_at is when the function was called, not when the transaction began', async () => {
  await a().query('begin');
  await a().query('select pg_sleep(0.02)');
  const jobid = await stage.queue(a(), 'select 1');
  const { rows } = await a().query('select started_at > now() as is_later from lantern.tasks where jobid = $1', [
    jobid,
  ]);
  await a().query('commit');
  expect(rows[0]?.is_later).toBe(true);
});

test('a direct insert is a task as well, many in one statement too', async () => {
  await a().query(
    `insert into lantern.tasks (query, job_name) select 'select ' || n, 'n' || n from generate_series(1, 3) as n`,
  );
  const { rows } = await admin().query(
    'select r.query, r.job_name, r.username, t.username as listed from lamplighter.task_run as r join lantern.tasks as t using (jobid) order by 1',
  );
  expect(rows).toEqual(
    [1, 2, 3].map((n) => ({
      query: `select ${n}`,
      job_name: `n${n}`,
      username: stage.cast.names.a,
      listed: stage.cast.names.a,
    })),
  );
});

test.each(['jobid', 'username', 'status', 'error_message', 'duration', 'started_at', 'pg_cron_job_name'])(
  'a caller cannot write %s',
  async (column) => {
    expect(
      await sqlErrorOf(a(), `insert into lantern.tasks (query, ${column}) values ('select 1', null)`),
    ).toMatchObject({
      code: '42501',
    });
    expect(await sqlErrorOf(a(), `update lantern.tasks set ${column} = null`)).toMatchObject({ code: '42501' });
  },
);

test("a nextval of the user's own leaves a gap and nothing else", async () => {
  const first = await stage.queue(a(), 'select 1');
  await a().query(`select nextval('lantern.tasks_jobid_seq')`);
  expect(Number(await stage.queue(a(), 'select 1'))).toBe(Number(first) + 2);
});

test('the search_path that is kept is the one of the call, whatever way it was set', async () => {
  const kept = async (jobid: string) =>
    (await admin().query('select search_path from lamplighter.task_run where jobid = $1', [jobid])).rows[0]
      ?.search_path;
  await a().query(`begin; set local search_path = pg_temp, "od;d", 'x y'`);
  const set = await stage.queue(a(), 'select 1');
  await a().query('commit');
  expect(await kept(set)).toBe('pg_temp, "od;d", "x y"');
  await a().query(`begin; set local search_path = ''`);
  const empty = await stage.queue(a(), 'select 1');
  await a().query('commit');
  expect(await kept(empty)).toBe('""');
  await admin().query(
    `create schema if not exists helpers;
     grant usage, create on schema helpers to public;`,
  );
  await a().query(
    `create or replace function helpers.queue() returns bigint language sql set search_path = helpers as $$ select lantern.async_task('select 1') $$`,
  );
  const { rows } = await a().query<{ jobid: string }>('select helpers.queue() as jobid');
  expect(await kept(String(rows[0]?.jobid))).toBe('helpers');
});

test('a task is of the role that is current, and one that cannot log in is told so', async () => {
  const group = await stage.cast.database.createRole('group', { login: false });
  const { asA } = stage.cast.sessions;
  expect((await stage.task(await stage.queue(asA, 'select 1')))['username']).toBe(stage.cast.names.a);
  await stage.cast.migrateAs(stage.cast.logins.owner, { grant: [group.name] });
  await admin().query(`grant ${group.name} to ${stage.cast.names.a}`);
  await a().query(`begin; set local role ${group.name}`);
  const error = await sqlErrorOf(a(), `select lantern.async_task('select 1')`);
  await a().query('rollback');
  await admin().query(`drop owned by ${group.name}; revoke ${group.name} from ${stage.cast.names.a}`);
  expect(error).toMatchObject({
    code: '28000',
    message: `role "${group.name}" is not permitted to log in`,
    hint: expect.stringContaining(`ALTER ROLE ${group.name} LOGIN`),
  });
});

test('a stranger can neither queue nor look', async () => {
  const { stranger } = stage.cast.sessions;
  expect(await sqlErrorOf(stranger, `select lantern.async_task('select 1')`)).toMatchObject({ code: '42501' });
  expect(await sqlErrorOf(stranger, 'select from lantern.tasks')).toMatchObject({ code: '42501' });
  expect(await sqlErrorOf(stranger, 'select from lantern.task_status')).toMatchObject({ code: '42501' });
});

test("the owner's rows with a status are history: they stay as they are and never run", async () => {
  await owner().query(
    `insert into lantern.tasks (query, username, started_at, duration, status)
     values ('select 1', 'somebody', '2020-01-01', '1 s', 'succeeded')`,
  );
  const { rows } = await admin().query('select username, status from lantern.tasks');
  expect(rows).toEqual([{ username: 'somebody', status: 'succeeded' }]);
  expect((await admin().query('select from lamplighter.task_run')).rowCount).toBe(0);
});

test("a role sees its own tasks in table and view, the owner everybody's", async () => {
  const own = await stage.queue(a(), 'select 1');
  const other = await stage.queue(stage.cast.sessions.b, 'select 2');
  for (const relation of ['lantern.tasks', 'lantern.task_status']) {
    const seenBy = async (session: pg.Client) =>
      (await session.query<{ jobid: string }>(`select jobid from ${relation} order by jobid`)).rows.map(
        ({ jobid }) => jobid,
      );
    expect(await seenBy(a())).toEqual([own]);
    expect(await seenBy(stage.cast.sessions.b)).toEqual([other]);
    expect(await seenBy(stage.cast.sessions.asA)).toEqual([own]);
    expect(await seenBy(owner())).toEqual([own, other]);
  }
});

test('whoever waits for tasks is woken once for a statement, and only when it asked', async () => {
  const listener = await stage.open(stage.cast.database.uri);
  const heard: string[] = [];
  listener.on('notification', ({ payload = '' }) => heard.push(payload));
  await listener.query('listen lamplighter_wake');
  await stage.queue(a(), 'select 1');
  await admin().query(`select lamplighter.request_wake_up('tasks')`);
  await a().query(`insert into lantern.tasks (query) select 'select 1' from generate_series(1, 100)`);
  await a().query(`notify lamplighter_wake, 'end'`);
  await expect.poll(() => heard.at(-1)).toBe('end');
  expect(heard).toEqual([expect.stringMatching(/^tasks:\d+$/), 'end']);
});
