import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { rowOf } from '../support/requests.ts';
import { sqlErrorOf } from '../support/sql-error.ts';
import { createScene, type Scene } from './attacker.ts';

let scene: Scene;
/** Requests of A and of B that a worker holds. */
let ofA: string;
let ofB: string;

beforeAll(async () => {
  scene = await createScene();
  const { sessions, names } = scene;
  for (const role of ['b', 'owner'] as const) {
    await scene.database.pool.query(
      `create schema of_${role} authorization ${names[role]}; grant all on schema of_${role} to public`,
    );
    await sessions[role].query(`
      create view of_${role}.requests as select * from public.steadytext_queue;
      create view of_${role}.barrier with (security_barrier) as select * from public.steadytext_queue where username = current_user;
      create view of_${role}.checked as select * from public.steadytext_queue where username = current_user with cascaded check option;
      grant all on all tables in schema of_${role} to public`);
  }
});
afterAll(() => scene[Symbol.asyncDispose]());

beforeEach(async () => {
  const { database, sessions } = scene;
  await database.pool.query('delete from public.steadytext_queue');
  const enqueue = async (role: 'a' | 'b') =>
    (await sessions[role].query<{ id: string }>(`select public.steadytext_embed_async('secret of ${role}') as id`))
      .rows[0]?.id ?? '';
  [ofA, ofB] = [await enqueue('a'), await enqueue('b')];
  await database.pool.query(
    `update public.steadytext_queue set status = 'processing', attempt = 1, worker_id = gen_random_uuid(), started_at = now()`,
  );
});

/** What is in the rows of A and B; ids are not compared. */
const rows = async () => [await rowOf(scene.database.pool, ofA), await rowOf(scene.database.pool, ofB)];

const VIEWS = ['of_b.requests', 'of_b.barrier', 'of_b.checked'] as const;

describe.each(VIEWS)('through the view %s of another caller, A and a stranger', (view) => {
  test.each([
    ['complete', `update ${view} set status = 'completed', result = 'forged'`],
    ['take over', `update ${view} set username = current_user`],
    ['queue in the name of B', `insert into ${view} (function_name, username) values ('embed', '{b}')`],
    [
      'queue what has a result',
      `insert into ${view} (function_name, status, result) values ('embed', 'completed', 'forged')`,
    ],
    ['copy', `insert into ${view} select * from ${view}`],
  ])('cannot %s a request', async (_name, statement) => {
    const before = await rows();
    for (const role of ['a', 'stranger'] as const) {
      const refusal = await scene.sessions[role].query(statement.replace('{b}', scene.names.b)).then(
        ({ rowCount }) => `changed ${rowCount}`,
        (error: { code?: string }) => error.code,
      );
      // A stranger sees no row that it could change or copy.
      expect(['42501', '44000', ...(role === 'stranger' ? ['changed 0'] : [])]).toContain(refusal);
    }
    expect(await rows()).toEqual(before);
    expect((await scene.database.pool.query('select from public.steadytext_queue')).rows).toHaveLength(2);
  });

  test("cannot see, cancel or delete B's request", async () => {
    for (const role of ['a', 'stranger'] as const) {
      const { a } = scene.names;
      const seen = await scene.sessions[role].query(`select distinct username from ${view}`);
      expect(seen.rows).toEqual(role === 'a' ? [{ username: a }] : []);
      for (const statement of [
        `update ${view} set status = 'cancelled' where request_id = $1`,
        `delete from ${view} where request_id = $1`,
      ]) {
        expect((await scene.sessions[role].query(statement, [ofB])).rowCount).toBe(0);
      }
    }
  });
});

test("the owner's own views show and cancel everything, but even through them nothing can be forged", async () => {
  const { a, stranger } = scene.sessions;
  for (const session of [a, stranger]) {
    expect((await session.query('select from of_owner.requests')).rowCount).toBe(2);
    expect((await session.query('select from of_owner.barrier')).rowCount).toBe(session === a ? 1 : 0);
    for (const forgery of [
      `update of_owner.requests set status = 'completed', result = 'forged'`,
      `update of_owner.requests set username = current_user`,
      `insert into of_owner.requests (function_name, username) values ('embed', '${scene.names.b}')`,
      `insert into of_owner.requests (function_name, status) values ('embed', 'completed')`,
    ]) {
      expect((await sqlErrorOf(session, forgery)).code).toBe('42501');
    }
  }
});

describe('a caller forges nothing by', () => {
  const attempt = async (statements: string, expected: string | null = '42501') => {
    const before = await rows();
    const { a } = scene.sessions;
    const refusal = await a.query(statements.replaceAll(':a', `'${ofA}'`).replaceAll(':b', `'${ofB}'`)).then(
      () => null,
      (error: { code?: string }) => error.code,
    );
    await a.query('rollback; reset all; discard plans');
    expect(refusal).toBe(expected);
    expect(await rows()).toEqual(before);
  };

  test('a chain of data-modifying CTEs, each fed by the one before', () =>
    attempt(`
      with gone as (delete from public.steadytext_queue where request_id = :a returning *),
           back as (insert into public.steadytext_queue (request_id, function_name, status, result)
                    select request_id, function_name, 'completed', 'forged' from gone returning *)
      select * from back`));

  test('a rule on a table of its own', () =>
    attempt(`
      create table own_a.ruled (id uuid);
      create rule forge as on insert to own_a.ruled do instead update public.steadytext_queue set result = 'forged' where request_id = new.id;
      insert into own_a.ruled values (:a)`));

  test('a trigger on a table of its own, fired late', () =>
    attempt(`
      create table own_a.fired (id uuid);
      create function own_a.forge() returns trigger language plpgsql security definer as $$
      begin
        update public.steadytext_queue set result = 'forged' where request_id = new.id;
        return null;
      end
      $$;
      create constraint trigger forge after insert on own_a.fired deferrable initially deferred
        for each row execute function own_a.forge();
      insert into own_a.fired values (:a)`));

  test('a foreign key of its own that deletes or updates in cascade', () =>
    attempt(
      'create table own_a.cascading (id uuid references public.steadytext_queue (request_id) on update cascade)',
    ));

  test('a prepared statement that is planned before and run after a change of settings', () =>
    attempt(`
      prepare forge as update public.steadytext_queue set status = 'completed' where request_id = :a;
      set plan_cache_mode = force_generic_plan; set row_security = on;
      execute forge`));

  test('an UPDATE through a cursor', () =>
    attempt(`
      begin;
      declare mine cursor for select * from public.steadytext_queue for update;
      fetch mine;
      update public.steadytext_queue set status = 'completed' where current of mine`));

  test('a conversion of its own on the way into the column', () =>
    attempt(`
      create type own_a.answer as enum ('completed');
      create function own_a.answer_text(own_a.answer) returns text language sql as $$ select 'completed'::text $$;
      create cast (own_a.answer as text) with function own_a.answer_text(own_a.answer) as implicit;
      update public.steadytext_queue set status = 'completed'::own_a.answer`));

  test('a domain over the row type of the table', () =>
    attempt('create domain own_a.request as public.steadytext_queue'));

  test('MERGE that deletes, inserts or does nothing', async ({ skip }) => {
    skip(scene.serverVersion < 150_000, 'PostgreSQL 14 has no MERGE');
    const merge = (on: string, then: string) =>
      `merge into public.steadytext_queue as q using (values (${on}::uuid)) as v (id) on q.request_id = v.id ${then}`;
    await attempt(merge(':b', 'when matched then delete'), null);
    await attempt(merge(':b', `when matched then update set status = 'cancelled'`), null);
    await attempt(
      merge(':b', `when not matched then insert (request_id, function_name) values (v.id, 'embed')`),
      '23505',
    );
    await attempt(merge(':a', `when matched then update set status = 'completed'`));
  });
});

describe('somebody granted more than a caller needs:', () => {
  test('pg_write_all_data forges no request', async () => {
    const { database, names, sessions } = scene;
    await database.pool.query(`grant pg_write_all_data, pg_read_all_data to ${names.stranger}`);
    try {
      const before = await rows();
      const { stranger } = sessions;
      expect((await stranger.query('select from public.steadytext_queue')).rowCount).toBe(0);
      expect((await stranger.query(`update public.steadytext_queue set result = 'forged'`)).rowCount).toBe(0);
      expect((await stranger.query('delete from public.steadytext_queue')).rowCount).toBe(0);
      for (const forgery of [
        `insert into public.steadytext_queue (function_name, status) values ('embed', 'completed')`,
        `insert into public.steadytext_queue (function_name, username) values ('embed', '${names.b}')`,
      ]) {
        expect((await sqlErrorOf(stranger, forgery)).code).toBe('42501');
      }
      expect(await rows()).toEqual(before);
    } finally {
      await database.pool.query(`revoke pg_write_all_data, pg_read_all_data from ${names.stranger}`);
    }
  });

  test('the right to switch triggers off forges no result, no time and no name', async ({ skip }) => {
    skip(scene.serverVersion < 150_000, 'PostgreSQL 14 has no privileges on settings');
    const { database, names, sessions } = scene;
    await database.pool.query(`grant set on parameter session_replication_role to ${names.a}`);
    try {
      const { a } = sessions;
      await a.query(`set session_replication_role = 'replica'`);
      for (const forgery of [
        `update public.steadytext_queue set result = 'forged'`,
        `update public.steadytext_queue set completed_at = now()`,
        `update public.steadytext_queue set username = '${names.b}'`,
        `insert into public.steadytext_queue (function_name, result) values ('embed', 'forged')`,
        `insert into public.steadytext_queue (function_name, username) values ('embed', '${names.b}')`,
      ]) {
        expect((await sqlErrorOf(a, forgery)).code).toBe('42501');
      }
    } finally {
      await sessions.a.query('reset all');
      await database.pool.query(`revoke set on parameter session_replication_role from ${names.a}`);
    }
  });
});
