import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sqlErrorOf } from '../support/sql-error.ts';
import { createScene, type Scene } from './attacker.ts';

const SECRET = 'the secret of b';

let scene: Scene;
let a: pg.Client;
let idOfB: string;

beforeAll(async () => {
  scene = await createScene();
  a = scene.sessions.a;
  await a.query(`select public.steadytext_embed_batch_async(array_fill('of a'::text, array[20]))`);
  const { rows } = await scene.sessions.b.query<{ id: string }>(
    `select unnest(public.steadytext_embed_batch_async(array_fill($1::text, array[400]))) as id`,
    [SECRET],
  );
  idOfB = rows[0]?.id ?? '';
  await scene.database.pool.query(`
    update public.steadytext_queue
    set status = 'completed', completed_at = now(), error = case when username not like '%_a' then '${SECRET}' end,
        result = case when username like '%_a' then '[1]' when id % 2 = 0 then '${SECRET}' else '${SECRET} ' || id end;
    analyze public.steadytext_queue`);
});
afterAll(() => scene[Symbol.asyncDispose]());

/** All that the server says to A while it does something: rows, notices and errors. */
async function overhear(statements: string): Promise<string> {
  const heard: unknown[] = [];
  const collect = (notice: unknown) => heard.push(notice);
  a.on('notice', collect);
  await a
    .query(statements)
    .then((answer) => heard.push([answer].flat().map(({ rows }) => rows)))
    .catch((error: unknown) => heard.push(error, String(error)))
    .finally(() => a.off('notice', collect));
  await a.query('rollback');
  return JSON.stringify(heard);
}

describe("A learns nothing of B's requests from", () => {
  const QUEUE = 'public.steadytext_queue';
  test.each([
    `select * from ${QUEUE} tablesample bernoulli (100)`,
    `select * from only ${QUEUE} where ctid >= '(0,0)'`,
    `select * from ${QUEUE} where request_id = '{id}' or username <> current_user or true`,
    `select max(result), min(result), string_agg(result, ',') over (), count(*) from ${QUEUE} group by result`,
    `select query_to_xml('select * from ${QUEUE}', true, false, '')`,
    `select table_to_xml('${QUEUE}', true, false, '')`,
    `select schema_to_xml('public', true, false, '')`,
    `begin; declare c cursor for select * from ${QUEUE}; select cursor_to_xml('c', 1000, true, false, '')`,
    `select * from ts_stat('select to_tsvector(''simple'', result) from ${QUEUE}')`,
    `create table own_a.taken as select * from ${QUEUE}; select * from own_a.taken`,
    `create materialized view own_a.seen as select * from ${QUEUE}; refresh materialized view own_a.seen; select * from own_a.seen`,
    `select * from ${QUEUE} for update nowait`,
    `delete from ${QUEUE} where result like 'the secret%' returning *`,
    `update ${QUEUE} set status = status where result like 'the secret%' returning *`,
    `select result::integer from ${QUEUE}`,
    `select 1 / (length(result) - ${SECRET.length}) from ${QUEUE}`,
    `select result from ${QUEUE} where request_id = '{id}' and result::integer = 1`,
    `select result from ${QUEUE} where id in (select id from generate_series(1, 500) as id) and result::numeric > 0`,
    `explain (analyze, verbose, costs off) select * from ${QUEUE} where result::xml is document`,
    `create type own_a.row as (result text); select jsonb_populate_recordset(null::own_a.row, jsonb_agg(q)) from ${QUEUE} as q`,
    'select * from pg_stats where schemaname = $$public$$',
    'select * from pg_stats_ext',
    'select stavalues1::text from pg_statistic',
    'select query from pg_stat_activity',
    'select pg_read_file($$PG_VERSION$$)',
    'select pg_create_logical_replication_slot($$spy$$, $$test_decoding$$)',
    'select * from lamplighter.cached_result',
    'select * from lamplighter.autonomous_request',
    'select * from public.steadytext_queue_stats()',
    'select * from public.steadytext_worker_status()',
  ])('%s', async (statements) => {
    const heard = await overhear(statements.replaceAll('{id}', idOfB));
    expect(heard).not.toContain('the secret');
    expect(heard).not.toContain(scene.names.b);
    await a.query(
      'drop table if exists own_a.taken; drop materialized view if exists own_a.seen; drop type if exists own_a.row',
    );
  });

  test('(and would see it, were it there)', async () => {
    await scene.database.pool.query(`grant ${scene.names.b} to ${scene.names.a}`);
    await a.query(`set role ${scene.names.b}`);
    const heard = await overhear('select max(result) from public.steadytext_queue').finally(() =>
      a.query('reset role'),
    );
    await scene.database.pool.query(`revoke ${scene.names.b} from ${scene.names.a}`);
    expect(heard).toContain(SECRET);
  });
});

describe('the planner tells nothing', () => {
  test("to an operator that it would estimate with by calling it on everybody's values", async () => {
    await a.query(`
      create function own_a.tell(text, text) returns boolean language plpgsql cost 0.0001 as $$
      begin
        raise notice 'planner saw %', $1;
        return $1 < $2;
      end
      $$;
      create operator own_a.<<< (leftarg = text, rightarg = text, function = own_a.tell, restrict = scalarltsel);
      create operator own_a.=== (leftarg = text, rightarg = text, function = own_a.tell, restrict = eqsel, join = eqjoinsel);`);
    for (const condition of [
      `result operator(own_a.<<<) 'x'`,
      `result operator(own_a.===) 'x'`,
      `username operator(own_a.<<<) 'x'`,
    ]) {
      const heard = await overhear(`explain select from public.steadytext_queue where ${condition}`);
      expect(heard).toContain('QUERY PLAN');
      expect(heard).not.toContain('planner saw');
    }
  });

  test.each(['result', 'error'])("of how often a text is among everybody's %ss", async (column) => {
    const estimate = async (text: string) => {
      const { rows } = await a.query<{ 'QUERY PLAN': [{ Plan: { 'Plan Rows': number } }] }>(
        `explain (format json) select from public.steadytext_queue where ${column} = '${text}'`,
      );
      return rows[0]?.['QUERY PLAN'][0].Plan['Plan Rows'];
    };
    expect(await estimate(SECRET)).toBe(await estimate('something that nobody was told'));
  });
});

describe('plans and cursors that outlive a change of role', () => {
  const asEach = async (work: (role: 'a' | 'b') => Promise<Set<string>>) => {
    const { database, names, sessions } = scene;
    await database.pool.query(`grant ${names.b}, ${names.a} to ${names.stranger}`);
    const seen: Record<string, Set<string>> = {};
    try {
      for (const role of ['a', 'b', 'a'] as const) {
        await sessions.stranger.query(`set role ${names[role]}`);
        seen[role] = await work(role);
      }
    } finally {
      await sessions.stranger.query('reset all; reset role; deallocate all; close all');
      await database.pool.query(`revoke ${names.b}, ${names.a} from ${names.stranger}`);
    }
    expect(seen).toEqual({ a: new Set([names.a]), b: new Set([names.b]) });
  };
  const namesIn = ({ rows }: pg.QueryResult<{ username: string }>) => new Set(rows.map(({ username }) => username));

  test.each([
    'select username from public.steadytext_queue',
    'with q as materialized (select * from public.steadytext_queue) select username from q',
    'select username from (select * from public.steadytext_queue offset 0) as q where exists (select from public.steadytext_queue)',
    'select unnest(array(select username from public.steadytext_queue)) as username',
    'select username from public.steadytext_queue as q where q.id in (select r.id from public.steadytext_queue as r)',
  ])('a prepared statement shows each role its own: %s', async (query) => {
    const { stranger } = scene.sessions;
    await stranger.query(`set plan_cache_mode = force_generic_plan; prepare seen as ${query}`);
    await asEach(async () => namesIn(await stranger.query('execute seen')));
  });

  test('a function shows each role its own', async () => {
    await scene.database.pool.query(`
      create function own_stranger.seen() returns setof text language plpgsql as $$
      begin
        return query select username from public.steadytext_queue;
      end
      $$;
      create function own_stranger.seen_too() returns setof text language sql stable as 'select username from public.steadytext_queue';
      create view own_stranger.seen as select username from public.steadytext_queue;
      alter view own_stranger.seen owner to ${scene.names.b};
      grant select on own_stranger.seen to public`);
    const { stranger } = scene.sessions;
    for (const source of ['seen()', 'seen_too()', 'seen']) {
      await asEach(async () =>
        namesIn(await stranger.query(`select s as username from own_stranger.${source} as t (s)`)),
      );
    }
  });

  test('a held cursor goes on with what its role saw, and shows nothing of the next role', async () => {
    const { stranger } = scene.sessions;
    await asEach(async (role) => {
      await stranger.query(`declare held_${role} cursor with hold for select username from public.steadytext_queue`);
      const seen = namesIn(await stranger.query(`fetch all from held_${role}`));
      await stranger.query(`close held_${role}`);
      return seen;
    });
  });
});

test("a function that B made to run with its rights shows B's requests, and makes none but B's", async () => {
  const { b, stranger } = scene.sessions;
  await scene.database.pool.query(
    `create schema of_b authorization ${scene.names.b}; grant usage on schema of_b to public`,
  );
  await b.query(`
    create function of_b.ask(prompt text) returns uuid language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
      select public.steadytext_embed_async(prompt)
    $$;
    create function of_b.count_own() returns bigint language sql security definer set search_path = pg_catalog, pg_temp as $$
      select count(*) from public.steadytext_queue where username = current_user
    $$`);
  const count = async (session: pg.Client) =>
    Number((await session.query('select of_b.count_own() as count')).rows[0]?.count);
  const before = await count(a);
  const { rows } = await stranger.query<{ id: string }>(`select of_b.ask('x') as id`);
  expect(await count(a)).toBe(before + 1);
  expect((await sqlErrorOf(stranger, 'select * from public.steadytext_check_async($1)', [rows[0]?.id])).code).toBe(
    '42501',
  );
  expect((await a.query('select * from public.steadytext_check_async($1)', [rows[0]?.id])).rows).toEqual([]);
});

test('whoever may read all data, as logins for backups may, reads neither requests nor the password of the loopback', async () => {
  const { database, names, sessions } = scene;
  await sessions.owner.query(`insert into lamplighter.loopback (dsn) values ('password=hunter2')`);
  await database.pool.query(`grant pg_read_all_data to ${names.stranger}`);
  try {
    for (const table of ['public.steadytext_queue', 'lamplighter.loopback']) {
      expect((await sessions.stranger.query(`select * from ${table}`)).rows).toEqual([]);
    }
    await sessions.stranger.query('set row_security = off');
    expect((await sqlErrorOf(sessions.stranger, 'select * from lamplighter.loopback')).code).toBe('42501');
  } finally {
    await sessions.stranger.query('reset all');
    await database.pool.query(`revoke pg_read_all_data from ${names.stranger}`);
  }
});

test("A's function that B calls, and that runs with A's rights, learns no error of B's requests", async () => {
  const { b } = scene.sessions;
  const { rows } = await b.query<{ id: string }>(`select public.steadytext_embed_async('again', false) as id`);
  await scene.database.pool.query(
    `update public.steadytext_queue set error = $2, run_at = now() + interval '1 hour' where request_id = $1`,
    [rows[0]?.id, SECRET],
  );
  await a.query(`create function own_a.lure() returns text language sql volatile security definer as $$
    select coalesce(jsonb_agg(to_jsonb(w)), '[]')::text from lamplighter.read_waits(session_user::text) as w $$`);
  expect(JSON.stringify((await b.query('select * from lamplighter.list_waits()')).rows)).toContain(SECRET);
  expect(JSON.stringify((await b.query('select own_a.lure()')).rows)).not.toContain(SECRET);
});

test('a table of A that looks like one of jobs runs nothing as those who are shown which jobs have failed', async () => {
  const columns = `id integer, schema text, "table" text, src_column text, dst_column text, embedding_model text, init_failed_at timestamptz,
    canceled_at timestamptz`;
  await a.query(`
    create sequence own_a.ran;
    grant usage on sequence own_a.ran to public;
    create function own_a.run() returns boolean language sql as $$ select nextval('own_a.ran') > 0 $$;
    create table own_a.policed (${columns}, init_failure_reason text);
    alter table own_a.policed enable row level security;
    create policy runs on own_a.policed using (own_a.run());
    create type own_a.odd as (part text);
    create function own_a.odd_text(own_a.odd) returns text language sql as $$ select own_a.run()::text $$;
    create cast (own_a.odd as text) with function own_a.odd_text(own_a.odd);
    create table own_a.cast (${columns}, init_failure_reason own_a.odd);
    create table own_a.plain (${columns}, init_failure_reason text);
    insert into own_a.policed values (1, 's', 't', 'c', 'd', 'm', now(), null, 'policed');
    insert into own_a.cast values (1, 's', 't', 'c', 'd', 'm', now(), null, row('cast'));
    insert into own_a.plain values (1, 's', 't', 'c', 'd', 'm', now(), null, 'plain');
    grant select on own_a.policed, own_a.cast, own_a.plain to public`);
  for (const session of [scene.sessions.owner, scene.sessions.b, scene.sessions.worker]) {
    const { rows } = await session.query('select jobs_table, reason from lamplighter.list_refused_jobs()');
    expect(rows).toEqual([{ jobs_table: 'own_a.plain', reason: 'plain' }]);
  }
  const { rows } = await a.query('select is_called from own_a.ran');
  expect(rows).toEqual([{ is_called: false }]);
});
