import { createHash } from 'node:crypto';
import type pg from 'pg';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { sqlErrorOf } from '../support/sql-error.ts';
import { createStage, type SqlTaskWorker, type Stage } from './sql-stage.ts';

let stage: Stage;
let worker: SqlTaskWorker;
beforeAll(async () => {
  stage = await createStage();
});
afterAll(() => stage[Symbol.asyncDispose]());
beforeEach(async () => {
  await stage.clear();
  worker = await stage.startWorker();
});

const a = () => stage.cast.sessions.a;
const b = () => stage.cast.sessions.b;
const admin = () => stage.cast.database.pool;
const uriOf = (role: 'a' | 'b') => stage.cast.logins[role].uri;

async function running(session: pg.Client, uri: string) {
  const jobid = await stage.queue(session, 'select 1');
  const task = await worker.claimOne();
  return { jobid, task, session: await worker.open(task, uri) };
}

test('nobody forges an outcome, reads a text or changes a state: the tables of the engine are closed', async () => {
  const { task } = await running(a(), uriOf('a'));
  for (const session of [a(), b(), stage.cast.sessions.worker, stage.cast.sessions.stranger]) {
    for (const statement of [
      `insert into lamplighter.task_outcome (run_id, attempt) values (${task.run_id}, 1)`,
      'select from lamplighter.task_outcome',
      'select secret_hash from lamplighter.task_run',
      'select query from lamplighter.task_run',
      `update lamplighter.task_run set state = 'succeeded'`,
      'delete from lamplighter.task_run',
      'select run_id from lamplighter.task_run for update',
      'select from lamplighter.task_cancel',
      'delete from lamplighter.task_cancel',
      'select from lamplighter.task_worker',
      'do $$ begin lock table lamplighter.task_run in access share mode; end $$',
      'do $$ begin lock table lamplighter.task_cancel in row exclusive mode; end $$',
    ]) {
      expect(await sqlErrorOf(session, statement), statement).toMatchObject({ code: '42501' });
    }
  }
});

test('only the session that the worker noted records: not another one of the same role with its secret, nor another role', async () => {
  const { task, session } = await running(a(), uriOf('a'));
  const call = (client: pg.Client, secret = session.secret, attempt = task.attempt) =>
    client.query('select lamplighter.record_task_outcome($1, $2, $3)', [task.run_id, attempt, secret]).then(
      () => 'recorded',
      (error) => error.code,
    );
  expect(await call(a())).toBe('LL002');
  expect(await call(b())).toBe('LL002');
  expect(await call(session.client, Buffer.from('guess'))).toBe('LL002');
  expect(await call(session.client, session.secret, 2)).toBe('LL002');
  expect(await call(session.client, createHash('sha256').update(session.secret).digest())).toBe('LL002');
  expect(await call(session.client)).toBe('recorded');
});

test("another task's secret, run in one's own task, records nothing for that task", async () => {
  const first = await running(a(), uriOf('a'));
  const second = await running(a(), uriOf('a'));
  await second.session.begin();
  await expect(
    second.session.client.query('select lamplighter.record_task_outcome($1, 1, $2)', [
      first.task.run_id,
      first.session.secret,
    ]),
  ).rejects.toMatchObject({ code: 'LL002' });
  await second.session.client.query('rollback');
  expect(
    await second.session.client.query('select lamplighter.mark_task_bare($1, 1, $2) as marked', [
      first.task.run_id,
      first.session.secret,
    ]),
  ).toMatchObject({ rows: [{ marked: false }] });
});

test('a null secret, attempt or id records nothing', async () => {
  const { task, session } = await running(a(), uriOf('a'));
  for (const values of [
    [task.run_id, 1, null],
    [task.run_id, null, session.secret],
    [null, 1, session.secret],
  ] satisfies unknown[][]) {
    await expect(
      session.client.query<object, unknown[]>('select lamplighter.record_task_outcome($1, $2, $3)', values),
    ).rejects.toMatchObject({ code: 'LL002' });
  }
  // Nor where the worker has noted no session yet.
  await stage.queue(a(), 'select 1');
  const other = await worker.claimOne();
  await expect(
    session.client.query('select lamplighter.record_task_outcome($1, 1, null)', [other.run_id]),
  ).rejects.toMatchObject({ code: 'LL002' });
});

test('a role that another one has by default is not the one that records: the login is', async () => {
  const { names } = stage.cast;
  const task = await (async () => {
    await stage.queue(a(), 'select 1');
    return worker.claimOne();
  })();
  await admin().query(`grant ${names.b} to ${names.a}; alter role ${names.a} set role = ${names.b}`);
  const session = await worker.open(task, uriOf('a'));
  await admin().query(`alter role ${names.a} reset role; revoke ${names.b} from ${names.a}`);
  expect((await session.client.query('select current_user::text as name')).rows).toEqual([{ name: names.b }]);
  await session.begin();
  await session.client.query('commit');
  expect(await worker.finish(task, 'succeeded')).toBe('succeeded');
});

test('SET ROLE, SET SESSION AUTHORIZATION and definer functions of others do not make a session theirs', async () => {
  const { names } = stage.cast;
  const victim = await running(a(), uriOf('a'));
  const record = `select lamplighter.record_task_outcome(${victim.task.run_id}, 1, '\\x${victim.session.secret.toString('hex')}')`;
  await admin().query(`grant ${names.a} to ${names.b}`);
  await b().query(`set role ${names.a}`);
  expect(await sqlErrorOf(b(), record)).toMatchObject({ code: 'LL002' });
  await b().query('reset role');
  await admin().query(`revoke ${names.a} from ${names.b}`);
  await a().query(
    `create function pg_temp.record() returns void language plpgsql security definer as $$ begin perform (${record}); end $$`,
  );
  expect(await sqlErrorOf(a(), 'select pg_temp.record()')).toMatchObject({ code: 'LL002' });
});

test('a task that is queued by a definer function is of its owner, and RESET ROLE in a text reaches nobody but its login', async () => {
  const { names } = stage.cast;
  await admin().query('create schema if not exists open; grant usage, create on schema open to public');
  await b().query(
    `create function open.enqueue() returns bigint language sql security definer as $$ select lantern.async_task('select 1') $$`,
  );
  const { rows } = await a().query<{ jobid: string }>('select open.enqueue() as jobid');
  expect((await stage.task(String(rows[0]?.jobid)))['username']).toBe(names.b);
  const task = await worker.claimOne();
  const session = await worker.open(task, uriOf('b'));
  await session.client.query('reset role; reset session authorization');
  expect((await session.client.query('select current_user::text as name')).rows).toEqual([{ name: names.b }]);
});

test('objects of the caller that come first in its path are not used with the rights of the owner', async () => {
  // Functions and operators in pg_temp are never found by name: these are in a schema of their own; relations are in both.
  await admin().query(`create schema evil; grant usage, create on schema evil to public`);
  await a().query(`create table evil.owned (who text); grant insert on evil.owned to public`);
  await a().query(`
    create function evil.current_setting(text) returns text language sql as $$ select 'forged'::text $$;
    create function evil.find_role(text) returns oid language sql as $$ select 10::oid $$;
    create function evil.equal(bigint, bigint) returns boolean language plpgsql as $$
      begin insert into evil.owned values (current_user); return true; end $$;
    create operator evil.= (leftarg = bigint, rightarg = bigint, function = evil.equal);
    create function evil.concat(text, bigint) returns text language plpgsql as $$
      begin insert into evil.owned values (current_user); return 'forged'; end $$;
    create operator evil.|| (leftarg = text, rightarg = bigint, function = evil.concat);
    create temp table task_run (x int);
    create temp table tasks (jobid bigint, query text, job_name text);
  `);
  await a().query('begin; set local search_path = pg_temp, evil, pg_catalog');
  const { rows } = await a().query<{ jobid: string }>(`select lantern.async_task('select 1') as jobid`);
  await a().query('select lantern.cancel_all_async_tasks()');
  await a().query('select count(*) from lantern.task_status');
  await a().query('commit');
  expect((await a().query('select who from evil.owned')).rows).toEqual([]);
  const jobid = String(rows[0]?.jobid);
  expect(await stage.task(jobid)).toMatchObject({ pg_cron_job_name: `async_task_${jobid}`, status: 'canceled' });
  const kept = await admin().query('select search_path, role_oid::regrole::text as role from lamplighter.task_run');
  expect(kept.rows).toEqual([{ search_path: 'pg_temp, evil, pg_catalog', role: stage.cast.names.a }]);
  await a().query('discard temp');
});

test('the one function that runs as the owner along a path of the caller has no operator and no name that is not qualified', async () => {
  const { rows } = await admin().query<{ source: string }>(
    `select prosrc as source from pg_proc where oid = 'lamplighter.enqueue_task()'::regprocedure`,
  );
  const source = rows[0]?.source ?? '';
  const calls = [...source.matchAll(/([\w.]+)\(/g)].map(([, name]) => name);
  expect(calls).toEqual(['lamplighter.find_role', 'pg_catalog.current_setting', 'lamplighter.read_task_origin']);
  expect(source.replace(/'[^']*'/g, '')).not.toMatch(/[-+*/<>=~!@#%^&|`?]|\bselect\b|::|\bin\b|\blike\b/i);
});

test('a lock on lantern.tasks by a granted role holds up no task of others, from claim to verdict, cancel included', async () => {
  const first = await stage.queue(a(), 'select 1');
  const second = await stage.queue(a(), 'select 2');
  const third = await stage.queue(a(), 'select 3');
  await b().query('begin; lock table lantern.tasks in access exclusive mode');
  const task = await worker.claimOne();
  const session = await worker.open(task, uriOf('a'));
  await session.begin();
  await session.client.query('commit');
  expect(await worker.finish(task, 'succeeded')).toBe('succeeded');
  await a().query('select lantern.cancel_async_task($1)', [second]);
  const lost = await worker.claimOne();
  await worker.die();
  const other = await stage.startWorker();
  expect(await other.rescue()).toMatchObject([{ run_id: lost.run_id, status: 'queued' }]);
  const states = await admin().query(
    'select jobid, state from lantern.task_status where jobid = any ($1) order by jobid',
    [[first, second, third]],
  );
  expect(states.rows.map(({ state }) => state)).toEqual(['succeeded', 'canceled', 'queued']);
  await b().query('rollback');
});

test("whoever listens hears nothing of another role's text, and what anybody sends on the private channels does nothing", async () => {
  const jobid = await stage.queue(a(), 'select 1');
  const task = await worker.claimOne();
  await b().query(`notify lamplighter_task_cancel, '${task.run_id}'`);
  await b().query(`notify lantern_tasks, '{"jobid": ${jobid}, "status": "succeeded"}'`);
  expect(await worker.listCancels()).toEqual([]);
  expect(await stage.task(jobid)).toMatchObject({ status: null });
});

test('an insert that would take over a row of another role by its key is refused', async () => {
  const jobid = await stage.queue(a(), 'select 1');
  expect(
    await sqlErrorOf(
      b(),
      `insert into lantern.tasks (jobid, query) values (${jobid}, 'x') on conflict (jobid) do nothing`,
    ),
  ).toMatchObject({ code: '42501' });
  expect(
    await sqlErrorOf(
      b(),
      `insert into lantern.tasks (query) values ('x') on conflict (jobid) do update set query = 'y'`,
    ),
  ).toMatchObject({ code: '42501' });
});

test('nobody moves the sequence of ids back', async () => {
  expect(await sqlErrorOf(a(), `select setval('lantern.tasks_jobid_seq', 1)`)).toMatchObject({ code: '42501' });
  expect(await sqlErrorOf(a(), `alter sequence lantern.tasks_jobid_seq restart`)).toMatchObject({ code: '42501' });
});
