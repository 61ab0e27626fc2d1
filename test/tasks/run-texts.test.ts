import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { TaskSession } from '../../src/db/task-session/task-session.ts';
import { createTestDatabase, type TestDatabase, type TestRole } from '../support/database.ts';
import { migrateAs } from '../support/owned-database.ts';
import { type EndedTask, queueTask, type Runner, startRunner } from './run-stage.ts';

let db: TestDatabase;
let ann: TestRole;
let bob: TestRole;
let runner: Runner;
/** Called with each session before its task runs in it. */
let onSession: ((session: TaskSession) => Promise<void> | void) | undefined;
beforeAll(async () => {
  db = await createTestDatabase({ migrated: false });
  [ann, bob] = [await db.createRole('ann'), await db.createRole('bob')];
  await migrateAs(db.uri, { grant: [ann.name, bob.name] });
  await db.pool.query(`
    grant create on database "${db.name}" to "${ann.name}";
    create schema s authorization "${ann.name}";
    alter role "${ann.name}" set search_path = s, public;
    create table s.t (a int, constraint a_is_small check (a < 100));
    create table s.parent (id int primary key);
    create table s.child (id int references s.parent deferrable initially deferred);
    create type s.mood as enum ('sad', 'ok');
    create table s.big (a int, b int);
    insert into s.big select g, 0 from generate_series(1, 1000) g;
    create procedure s.two_steps() language plpgsql as $$
    begin
      insert into s.t values (1);
      commit;
      insert into s.t values (2);
    end $$;
    create procedure s.half() language plpgsql as $$
    begin
      insert into s.t values (1);
      commit;
      raise exception 'after the first step';
    end $$;
    create function s.raises_25001() returns trigger language plpgsql as $$
    begin
      raise exception 'late' using errcode = '25001';
    end $$;
    create table s.late (a int);
    create constraint trigger late after insert on s.late deferrable initially deferred for each row execute function s.raises_25001();
    do $$ declare name regclass;
    begin
      foreach name in array array['s.t', 's.parent', 's.child', 's.big', 's.late']::regclass[] loop
        execute format('alter table %s owner to %I', name, '${ann.name}');
      end loop;
      execute format('alter type s.mood owner to %I', '${ann.name}');
    end $$;
  `);
  runner = await startRunner({ pool: db.pool, uri: ann.uri, onSession: (session) => onSession?.(session) });
});
afterAll(async () => {
  await runner?.[Symbol.asyncDispose]();
  await db?.[Symbol.asyncDispose]();
});
beforeEach(() => db.pool.query('truncate s.t; truncate s.child; truncate s.late'));
afterEach(async () => {
  onSession = undefined;
  await db.pool.query(`alter role "${ann.name}" reset all; alter role "${ann.name}" set search_path = s, public`);
});

async function run(text: string, setup?: string): Promise<EndedTask> {
  return runner.settle(await queueTask(ann.uri, text, setup));
}
const rows = async (): Promise<number[]> =>
  (await db.pool.query<{ a: number }>('select a from s.t order by a')).rows.map(({ a }) => a);
const SUCCEEDED = { status: 'succeeded', error: null, guarantee: 'exactly once', attempts: 1 };
const SUCCEEDED_BARE = { ...SUCCEEDED, guarantee: 'at most once' };
const FAILED = { status: 'failed', guarantee: 'exactly once', attempts: 1 };
const FAILED_BARE = { ...FAILED, guarantee: 'at most once' };

describe('a text runs exactly once, with tag and number of rows of its last statement', () => {
  test.each<[string, string | null, number | null]>([
    ['insert into t values (1), (2)', 'INSERT 0 2', 2],
    ['insert into t values (1); insert into t values (2); select a from t', 'SELECT 2', 2],
    ['insert into t values (1), (2); select 1 where false', 'SELECT 0', 0],
    ['begin; insert into t values (1), (2); commit', 'COMMIT', null],
    ['insert into t values (1); begin; insert into t values (2); end', 'COMMIT', null],
    ['insert into t values (1), (2); commit', 'COMMIT', null],
    [
      'savepoint x; insert into t values (1); savepoint y; insert into t values (3); rollback to y; insert into t values (2)',
      'INSERT 0 1',
      1,
    ],
    ['lock table t; insert into t values (1), (2)', 'INSERT 0 2', 2],
    ['insert into t values (1), (2); listen x; notify x', 'NOTIFY', null],
    [
      'create temp table mine (a int) on commit drop; insert into mine values (1), (2); insert into t select a from mine',
      'INSERT 0 2',
      2,
    ],
    ['insert into t values (1), (2); discard temp', 'DISCARD TEMP', null],
    ['insert into t values (1), (2); reset all', 'RESET', null],
    ['insert into t values (1), (2); select pg_advisory_lock(1)', 'SELECT 1', 1],
    ['insert into t values (1), (2); select pg_advisory_unlock_all()', 'SELECT 1', 1],
    ['insert into t values (1), (2); set transaction read only', 'SET', null],
    ['set local synchronous_commit = off; insert into t values (1), (2)', 'INSERT 0 2', 2],
    ['set standard_conforming_strings = off; insert into t values (1), (2)', 'INSERT 0 2', 2],
    ['do $$ begin insert into t values (1), (2); end $$', 'DO', null],
    ['insert into t values (1), (2); declare c cursor for select 1; fetch c', 'FETCH 1', 1],
    [
      'create function s.f() returns int language sql begin atomic select 1; end; drop function s.f(); insert into t values (1), (2)',
      'INSERT 0 2',
      2,
    ],
  ])('%s', async (text, tag, count) => {
    expect(await run(text)).toEqual({ ...SUCCEEDED, tag, rows: count });
    expect(await rows()).toEqual([1, 2]);
  });

  test.each([
    [';', null],
    ['-- only a comment', null],
    ['/* and */ ;; -- another', null],
  ])('a text without a statement: %s', async (text, tag) => {
    expect(await run(text)).toEqual({ ...SUCCEEDED, tag, rows: null });
  });

  test('a text of 10 MB', { timeout: 60_000 }, async () => {
    expect(await run(`insert into t values (1) /* ${'x'.repeat(10_000_000)} */`)).toMatchObject(SUCCEEDED);
    expect(await rows()).toEqual([1]);
  });

  test('a new value of an enum', async () => {
    expect(await run("alter type mood add value 'happy'")).toMatchObject({ ...SUCCEEDED, tag: 'ALTER TYPE' });
  });

  test('a text of a role that reads by default, which its text cannot write as', async () => {
    await db.pool.query(`alter role "${ann.name}" set default_transaction_read_only = on`);
    expect(await run('select 1', 'set default_transaction_read_only = off')).toMatchObject(SUCCEEDED);
    const failed = await run('insert into t values (1)', 'set default_transaction_read_only = off');
    expect(failed).toMatchObject({ ...FAILED, error: 'ERROR:  cannot execute INSERT in a read-only transaction\n' });
    const own = await run(
      'begin read write; insert into t values (1); commit',
      'set default_transaction_read_only = off',
    );
    expect(own).toMatchObject(SUCCEEDED_BARE);
    expect(await rows()).toEqual([1]);
  });

  test.each(['repeatable read', 'serializable'])('a text of a role whose transactions are %s', async (level) => {
    await db.pool.query(
      `alter role "${ann.name}" set default_transaction_isolation = '${level}'; alter role "${ann.name}" set default_transaction_deferrable = on`,
    );
    expect(
      await run(
        "insert into t values (1); do $$ begin assert current_setting('transaction_isolation') = 'x', current_setting('transaction_isolation'); end $$",
      ),
    ).toMatchObject({
      ...FAILED,
      error: expect.stringContaining(`ERROR:  ${level}\n`),
    });
    expect(await run('insert into t values (1)')).toMatchObject(SUCCEEDED);
    expect(await run('call two_steps()')).toMatchObject(SUCCEEDED_BARE);
    expect(await rows()).toEqual([1, 1, 2]);
  });

  test('a text of a role that starts as another one, whose text does so as well', async () => {
    await db.pool.query(
      `grant "${bob.name}" to "${ann.name}"; alter role "${ann.name}" set role = "${bob.name}"; revoke all on schema lamplighter from "${bob.name}"`,
    );
    const text = "do $$ begin raise exception '% %', current_user, session_user; end $$";
    const ended = await runner.settle(await queueTask(ann.uri, text, 'set role none'));
    expect(ended).toMatchObject({ ...FAILED, error: expect.stringContaining(`ERROR:  ${bob.name} ${ann.name}\n`) });
    const bare = await runner.settle(await queueTask(ann.uri, `commit; ${text}`, 'set role none'));
    expect(bare).toMatchObject({ ...FAILED_BARE, error: expect.stringContaining(`ERROR:  ${bob.name} ${ann.name}\n`) });
  });

  test('a text that changes its role', async () => {
    await db.pool.query(`grant "${bob.name}" to "${ann.name}"`);
    expect(await run(`insert into t values (1); set role "${bob.name}"`)).toMatchObject(SUCCEEDED);
    expect(await rows()).toEqual([1]);
  });

  test('with the search_path of the caller at the time, and its own name', async () => {
    await db.pool.query('create schema if not exists other; create table if not exists other.t (a int)');
    await db.pool.query(`grant usage on schema other to "${ann.name}"; grant insert on other.t to "${ann.name}"`);
    expect(await run('insert into t values (7)', 'set search_path = other, public')).toMatchObject(SUCCEEDED);
    expect((await db.pool.query('select a from other.t')).rows).toEqual([{ a: 7 }]);
    const jobid = await queueTask(
      ann.uri,
      "do $$ begin raise exception '%', current_setting('application_name'); end $$",
    );
    expect(await runner.settle(jobid)).toMatchObject({ error: expect.stringContaining(`lamplighter task ${jobid}\n`) });
  });
});

describe('a text fails, without effects, with what psql prints', () => {
  test.each<[string, string]>([
    [
      'insert into t values (1); select haha',
      'ERROR:  column "haha" does not exist\nLINE 1: insert into t values (1); select haha\n                                         ^\n',
    ],
    [
      'insert into t values (1); selekt',
      'ERROR:  syntax error at or near "selekt"\nLINE 1: insert into t values (1); selekt\n                                  ^\n',
    ],
    [
      'insert into t values (1); insert into child values (1)',
      `ERROR:  insert or update on table "child" violates foreign key constraint "child_id_fkey"\nDETAIL:  Key (id)=(1) is not present in table "parent".\n`,
    ],
    [
      'begin; insert into t values (1); insert into child values (1); commit',
      `ERROR:  insert or update on table "child" violates foreign key constraint "child_id_fkey"\nDETAIL:  Key (id)=(1) is not present in table "parent".\n`,
    ],
    [
      "insert into t values (1); do $$ begin raise exception 'mine' using errcode = '25001'; end $$",
      'ERROR:  mine\nCONTEXT:  PL/pgSQL function inline_code_block line 1 at RAISE\n',
    ],
    [
      "do $$ begin insert into t values (1); raise exception 'mine' using errcode = '2D000'; end $$",
      'ERROR:  mine\nCONTEXT:  PL/pgSQL function inline_code_block line 1 at RAISE\n',
    ],
    [
      "insert into t values (1); do $$ begin raise exception 'mine' using errcode = '57P01'; end $$",
      'ERROR:  mine\nCONTEXT:  PL/pgSQL function inline_code_block line 1 at RAISE\n',
    ],
    [
      "insert into t values (1); do $$ begin raise exception 'mine' using errcode = '08006'; end $$",
      'ERROR:  mine\nCONTEXT:  PL/pgSQL function inline_code_block line 1 at RAISE\n',
    ],
    [
      "insert into t values (1); do $$ begin raise exception 'mine' using errcode = '23505'; end $$",
      'ERROR:  mine\nCONTEXT:  PL/pgSQL function inline_code_block line 1 at RAISE\n',
    ],
    [
      "insert into t values (1); do $$ begin raise exception 'mine' using errcode = '40001'; end $$",
      'ERROR:  mine\nCONTEXT:  PL/pgSQL function inline_code_block line 1 at RAISE\n',
    ],
    [
      'insert into t values (1); insert into late values (1)',
      'ERROR:  late\nCONTEXT:  PL/pgSQL function raises_25001() line 3 at RAISE\n',
    ],
    ['insert into t values (1); vacuum t', 'ERROR:  VACUUM cannot run inside a transaction block\n'],
    [
      'insert into t values (1); create index concurrently on t (a)',
      'ERROR:  CREATE INDEX CONCURRENTLY cannot run inside a transaction block\n',
    ],
    [
      'insert into t values (1); call two_steps()',
      'ERROR:  invalid transaction termination\nCONTEXT:  PL/pgSQL function two_steps() line 4 at COMMIT\n',
    ],
    ['begin; insert into t values (1); vacuum; commit', 'ERROR:  VACUUM cannot run inside a transaction block\n'],
    [
      "set statement_timeout = '50ms'; insert into t values (1); select pg_sleep(5)",
      'ERROR:  canceling statement due to statement timeout\n',
    ],
    [
      "insert into t values (1); alter type mood add value 'new'; select 'new'::mood",
      `ERROR:  unsafe use of new value "new" of enum type mood\nLINE 1: ...lues (1); alter type mood add value 'new'; select 'new'::moo...\n                                                             ^\nHINT:  New enum values must be committed before they can be used.\n`,
    ],
    ['insert into t values (1); copy t from stdin', 'COPY not supported'],
    ['insert into t values (1); copy t to stdout', 'COPY not supported'],
    ['\\d t', 'ERROR:  syntax error at or near "\\"\nLINE 1: \\d t\n        ^\n'],
    ["set transaction snapshot '00000003-0000001B-1'", expect.stringContaining('ERROR:  ') as unknown as string],
  ])('%s', async (text, error) => {
    const ended = await run(text);
    const guarantee = text.startsWith('set transaction snapshot') ? 'at most once' : 'exactly once';
    expect(ended).toEqual({ ...FAILED, guarantee, error, tag: null, rows: null });
    expect(await rows()).toEqual([]);
  });

  test('COPY to the client that no parser saw', async () => {
    await db.pool.query(`alter role "${ann.name}" set standard_conforming_strings = off`);
    expect(await run('insert into t values (1); copy (select 1) to stdout')).toMatchObject({
      ...FAILED,
      error: 'COPY not supported',
    });
    expect(await run('insert into t values (1); copy t from stdin')).toMatchObject({
      ...FAILED,
      error: 'COPY not supported',
    });
    expect(await rows()).toEqual([]);
  });

  test('a text that terminates itself is not run again', async () => {
    expect(await run('insert into t values (1); select pg_terminate_backend(pg_backend_pid())')).toEqual({
      ...FAILED,
      error: 'FATAL:  terminating connection due to administrator command\n',
      tag: null,
      rows: null,
    });
    expect(await rows()).toEqual([]);
  });

  test('a text that terminates itself is not run again in another time zone than the worker’s either', async () => {
    await db.pool.query(`alter role "${ann.name}" set timezone = 'Asia/Tokyo'`);
    expect(await run('select pg_terminate_backend(pg_backend_pid())')).toMatchObject({
      ...FAILED,
      error: 'FATAL:  terminating connection due to administrator command\n',
    });
  });

  test('a type of the role’s own that is named like one of the server’s does not get the secret', async () => {
    await db.pool.query(
      `create schema trap authorization "${ann.name}"; create table trap.caught (secret text); grant all on trap.caught to "${ann.name}";
       create function trap.catch(given pg_catalog.bytea) returns boolean language plpgsql as $$
       begin insert into trap.caught values (encode(given, 'hex')); return true; end $$;
       create domain trap.bytea as pg_catalog.bytea check (trap.catch(value));
       alter role "${ann.name}" set search_path = trap, pg_catalog`,
    );
    expect(await run('select 1')).toMatchObject({ status: 'succeeded' });
    expect((await db.pool.query('select from trap.caught')).rows).toEqual([]);
  });

  test('a text whose session an administrator terminates is not run again', async () => {
    onSession = (session) => {
      void terminateOnceAsleep(session.facts.pid);
    };
    expect(await run('insert into t values (1); select pg_sleep(60)')).toMatchObject({
      ...FAILED,
      error: 'FATAL:  terminating connection due to administrator command\n',
    });
  });

  test('a text whose strings end elsewhere for the server commits nothing', async () => {
    await db.pool.query(`alter role "${ann.name}" set standard_conforming_strings = off`);
    const text = "select 'a\\''; insert into t values (1); commit; insert into t values (2); select '', haha";
    const ended = await run(text);
    expect(ended).toMatchObject({ status: 'failed', guarantee: 'at most once' });
  });

  test('what a role may no longer do is no reason to try for ever', async () => {
    const jobid = await queueTask(ann.uri, 'select 1');
    await db.pool.query(`revoke usage on schema lamplighter from "${ann.name}"`);
    try {
      expect(await runner.settle(jobid)).toMatchObject({
        ...FAILED,
        error: 'ERROR:  permission denied for schema lamplighter\n',
      });
    } finally {
      await db.pool.query(`grant usage on schema lamplighter to "${ann.name}"`);
    }
  });
});

describe('a text that cannot be in a transaction runs bare, at most once', () => {
  test.each<[string, string | null, number[]]>([
    ['vacuum t', 'VACUUM', []],
    ["set maintenance_work_mem = '16MB'; set statement_timeout = '1min'; vacuum t;", 'VACUUM', []],
    ['call two_steps()', 'CALL', [1, 2]],
    ['set lock_timeout = 0; reset lock_timeout; call two_steps()', 'CALL', [1, 2]],
    ['do $$ begin insert into t values (1); commit; insert into t values (2); end $$', 'DO', [1, 2]],
    ['insert into t values (1); commit; insert into t values (2)', 'INSERT 0 1', [1, 2]],
    ['insert into t values (1); commit; select 1', 'SELECT 1', [1]],
    ['begin; insert into t values (1); rollback', 'ROLLBACK', []],
    ['begin isolation level serializable; insert into t values (1); commit', 'COMMIT', [1]],
    ['set transaction isolation level serializable; insert into t values (1)', 'INSERT 0 1', [1]],
    ['begin; set transaction isolation level serializable; insert into t values (1); commit', 'COMMIT', [1]],
    ['discard all', 'DISCARD ALL', []],
    ['create index concurrently t_a on t (a); ', 'CREATE INDEX', []],
    ['reindex (concurrently) table t', 'REINDEX', []],
    ['drop index concurrently t_a', 'DROP INDEX', []],
  ])('%s', async (text, tag, effects) => {
    expect(await run(text)).toEqual({ ...SUCCEEDED_BARE, tag, rows: tag?.match(/^(INSERT|SELECT)/) ? 1 : null });
    expect(await rows()).toEqual(effects);
  });

  test('CREATE and DROP DATABASE', async () => {
    await db.pool.query(`alter role "${ann.name}" createdb`);
    const name = `${db.name}_made`;
    expect(await run(`create database ${name}`)).toMatchObject({ ...SUCCEEDED_BARE, tag: 'CREATE DATABASE' });
    expect(await run(`drop database ${name}`)).toMatchObject({ ...SUCCEEDED_BARE, tag: 'DROP DATABASE' });
  });

  test.each<[string, string, number[]]>([
    ['insert into t values (1); commit; select 1/0', 'ERROR:  division by zero\n', [1]],
    ['call half()', 'ERROR:  after the first step\nCONTEXT:  PL/pgSQL function half() line 5 at RAISE\n', [1]],
    ['begin; insert into t values (1)', 'the text left a transaction open; it was rolled back', []],
    [
      'begin; insert into t values (1); commit; begin; insert into t values (2)',
      'the text left a transaction open; it was rolled back',
      [1],
    ],
    [
      "begin; insert into t values (1); prepare transaction 'x'",
      expect.stringMatching('max_prepared_transactions|prepared transactions are disabled') as unknown as string,
      [],
    ],
    [
      "set lock_timeout = 0;\n set statement_timeout = 'nosuch'; vacuum t",
      'ERROR:  invalid value for parameter "statement_timeout": "nosuch"\n',
      [],
    ],
    ['insert into t values (1); commit; copy t from stdin', 'COPY not supported', []],
  ])('and may fail with what it has done kept: %s', async (text, error, effects) => {
    expect(await run(text)).toMatchObject({ status: 'failed', error });
    expect(await rows()).toEqual(effects);
  });

  test('the line of an error is that of the whole text', async () => {
    expect(await run("set a.b = 'ä🎉';\nset a.c = 2;\nvacuum nosuch")).toMatchObject({
      ...FAILED_BARE,
      error: 'ERROR:  relation "nosuch" does not exist\n',
    });
    expect(await run("set a.b = 'ä🎉';\n  create index concurrently on big (nosuch)")).toMatchObject({
      error: 'ERROR:  column "nosuch" does not exist\n',
    });
    expect(await run("set a.b = 'ä🎉';\n  create index concurrently on big ((a + nosuch))")).toMatchObject({
      ...FAILED_BARE,
      error: `ERROR:  column "nosuch" does not exist\nLINE 2:   create index concurrently on big ((a + nosuch))\n                                                 ^\n`,
    });
  });

  test('an index that it leaves invalid is named, with what drops it', async () => {
    await db.pool.query('create unique index concurrently old on s.big (b)').catch(() => undefined);
    const error = await run('create unique index concurrently "Big ""b""" on big (b)');
    expect(error).toMatchObject({
      ...FAILED_BARE,
      error:
        `ERROR:  could not create unique index "Big ""b"""\nDETAIL:  Key (b)=(0) is duplicated.\nThe index s."Big ""b""" is invalid; drop it with: DROP INDEX CONCURRENTLY s."Big ""b""";\n`.replace(
          'index "Big ""b"""',
          'index "Big "b""',
        ),
    });
    expect(await run('drop index concurrently "Big ""b"""')).toMatchObject(SUCCEEDED_BARE);
  });
});

async function terminateOnceAsleep(pid: number): Promise<void> {
  for (;;) {
    const { rowCount } = await db.pool.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where pid = $1 and wait_event = 'PgSleep'`,
      [pid],
    );
    if (rowCount === 1) return;
  }
}
