import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase, type TestRole } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { type EndedTask, queueTask, type Runner, startRunner } from './run-stage.ts';

/** What a text tries from inside its session, on the engine or on another role; each test fails if it works. */

let db: TestDatabase;
let ann: TestRole;
let bob: TestRole;
let runner: Runner;
beforeAll(async () => {
  db = await createTestDatabase();
  [ann, bob] = [await db.createRole('ann'), await db.createRole('bob')];
  for (const { name } of [ann, bob]) await db.pool.query('select lamplighter.grant_caller($1)', [name]);
  await db.pool.query(`
    create schema s authorization "${ann.name}";
    grant all on schema s to public;
    alter role "${ann.name}" set search_path = s, public;
    create table s.t (a int);
    create table s.secret (a text);
    insert into s.secret values ('of bob');
    create table s.late (a text);
    grant all on s.t, s.late to public;
    grant select on s.secret to "${bob.name}"`);
  runner = await startRunner({ pool: db.pool, uri: ann.uri });
});
afterAll(async () => {
  await runner?.[Symbol.asyncDispose]();
  await db?.[Symbol.asyncDispose]();
});
afterEach(() => db.pool.query('truncate s.t; drop trigger if exists late on s.late'));

const run = async (text: string): Promise<EndedTask> => runner.settle(await queueTask(ann.uri, text));
const rows = async () => (await db.pool.query<{ a: number }>('select a from s.t order by a')).rows.map(({ a }) => a);

/** A trigger that runs this at COMMIT, after the text and the outcome. */
const atCommit = (body: string) =>
  db.pool.query(`
    create or replace function s.at_commit() returns trigger language plpgsql as $$ begin ${body} return null; end $$;
    create constraint trigger late after insert on s.late deferrable initially deferred for each row execute function s.at_commit()`);

test.each([
  ['forges an outcome', 'insert into lamplighter.task_outcome (run_id, attempt) values (1, 1);'],
  ['takes back the outcome', 'delete from lamplighter.task_outcome;'],
  ['ends another task', `update lamplighter.task_run set state = 'failed';`],
  ['reads what it may not', 'perform * from s.secret;'],
])('a deferred trigger that %s at COMMIT fails, and the text with it', async (_, body) => {
  await atCommit(body);
  expect(await run('insert into t values (1); insert into late values (1)')).toMatchObject({
    status: 'failed',
    error: expect.stringMatching(/^ERROR: {2}permission denied for /),
  });
  expect(await rows()).toEqual([]);
});

test('a deferred trigger runs as the login of the task, whatever role the text has set before its end', async () => {
  await db.pool.query(`grant "${bob.name}" to "${ann.name}"`);
  await atCommit(`insert into s.t select case when session_user = '${ann.name}' then 1 else 2 end;`);
  expect(await run(`set role "${bob.name}"; insert into s.late values (1); reset role`)).toMatchObject({
    status: 'succeeded',
  });
  await db.pool.query(`revoke "${bob.name}" from "${ann.name}"`);
  expect(await rows()).toEqual([1]);
});

test('nothing of a session is left for the next task: cursors, locks, temporary tables, settings, listening', async () => {
  const before = await run(
    `declare c cursor with hold for select * from t; select pg_advisory_lock(77); create temp table mine (a int);
     set my.setting = 'x'; listen heard; set session characteristics as transaction read only`,
  );
  expect(before).toMatchObject({ status: 'succeeded' });
  const after = await run(
    `do $$ begin
       assert not exists (select from pg_cursors), 'a cursor';
       assert pg_try_advisory_xact_lock(77), 'a lock';
       assert to_regclass('pg_temp.mine') is null, 'a table';
       assert current_setting('my.setting', true) is null, 'a setting';
       assert not exists (select from pg_listening_channels()), 'a channel';
     end $$; insert into t values (1)`,
  );
  expect(after).toMatchObject({ status: 'succeeded', error: null });
  expect(await rows()).toEqual([1]);
});

test('a held cursor that fails at COMMIT takes the outcome with it', async () => {
  expect(await run('insert into t values (1); declare c cursor with hold for select 1 / (a - 1) from t')).toMatchObject(
    {
      status: 'failed',
      error: 'ERROR:  division by zero\n',
    },
  );
  expect(await rows()).toEqual([]);
});

test('objects in the temporary schema that are named like those of the server or the engine are not used by it', async () => {
  await db.pool.query(`alter role "${ann.name}" set search_path = pg_temp, pg_catalog, s, public`);
  try {
    const trap = `
      create function pg_temp.set_config(text, text, boolean) returns text language plpgsql as $f$ begin raise 'trapped'; end $f$;
      create function pg_temp.record_task_outcome(bigint, integer, bytea) returns void language plpgsql as $f$ begin raise 'trapped'; end $f$;
      create domain pg_temp.bytea as pg_catalog.text;
      create temp table pg_roles (a int)`;
    expect(await run(`${trap}; insert into s.t values (1)`)).toMatchObject({ status: 'succeeded' });
    // One that begins in a transaction, and then again outside of one, in the same session.
    expect(
      await run(`do $$ begin ${trap.replaceAll('$f$', '$g$')}; insert into s.t values (2); commit; end $$`),
    ).toMatchObject({
      status: 'succeeded',
      guarantee: 'at most once',
    });
  } finally {
    await db.pool.query(`alter role "${ann.name}" set search_path = s, public`);
  }
  expect(await rows()).toEqual([1, 2]);
});

test('an event trigger that fails is the verdict on the text, and the engine goes on', async () => {
  await db.pool.query(`
    create function s.no_tables() returns event_trigger language plpgsql as $$ begin raise 'no tables here'; end $$;
    create event trigger no_tables on ddl_command_end when tag in ('CREATE TABLE') execute function s.no_tables()`);
  try {
    expect(await run('insert into t values (1); create table s.made (a int)')).toMatchObject({
      status: 'failed',
      error: expect.stringMatching(/^ERROR: {2}no tables here\n/),
    });
  } finally {
    await db.pool.query('drop event trigger no_tables');
  }
  expect(await run('insert into t values (2)')).toMatchObject({ status: 'succeeded' });
  expect(await rows()).toEqual([2]);
});

test('whoever terminates the session of a task of the same role ends that task, and no other', async () => {
  const victim = await queueTask(ann.uri, 'insert into t values (1); select pg_sleep(60)');
  const settled = runner.settle(victim);
  const pid = await eventually(async () => {
    const { rows: sessions } = await db.pool.query<{ pid: number }>(
      `select pid from pg_stat_activity where application_name = $1 and wait_event = 'PgSleep'`,
      [`lamplighter task ${victim}`],
    );
    if (sessions[0] === undefined) throw new Error('it does not run yet');
    return sessions[0].pid;
  });
  const other = new Promise<EndedTask>((resolve, reject) => {
    startRunner({ pool: db.pool, uri: ann.uri })
      .then(async (second) => {
        const ended = await second.settle(await queueTask(ann.uri, `select pg_terminate_backend(${pid})`));
        await second[Symbol.asyncDispose]();
        resolve(ended);
      })
      .catch(reject);
  });
  expect(await other).toMatchObject({ status: 'succeeded', attempts: 1 });
  expect(await settled).toMatchObject({
    status: 'failed',
    error: 'FATAL:  terminating connection due to administrator command\n',
    attempts: 1,
  });
  expect(await rows()).toEqual([]);
});

test('a role cannot terminate the session of another one’s task, nor the worker', async () => {
  const { rows: others } = await db.pool.query<{ pid: number }>('select pg_backend_pid() as pid');
  expect(await run(`select pg_terminate_backend(${others[0]?.pid})`)).toMatchObject({
    status: 'failed',
    error: expect.stringMatching(/permission denied|must be/),
  });
});
