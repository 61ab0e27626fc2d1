import type pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { sqlErrorOf } from '../support/sql-error.ts';
import { type Cast, createCast } from './cast.ts';

let cast: Cast;
let a: pg.Client;

beforeAll(async () => {
  cast = await createCast();
  a = cast.sessions.a;
  await cast.database.pool.query(HOSTILE_SCHEMA);
  await cast.database.pool.query(
    `alter schema hostile owner to ${cast.names.a}; grant usage on schema hostile to public`,
  );
});
afterAll(() => cast[Symbol.asyncDispose]());

beforeEach(async () => {
  await cast.database.pool.query('delete from public.steadytext_queue; delete from hostile.ran_as');
});

// What a role can put in front of the built-in functions and operators, for exactly their types, when search_path is its own choice.
const HOSTILE_SCHEMA = `
  create schema hostile;
  create table hostile.ran_as (role name not null default current_user, name text not null);
  grant insert on hostile.ran_as to public;
  create function hostile.note(name text) returns boolean language sql volatile as $$
    insert into hostile.ran_as (name) values (name);
    select true
  $$;
  do $$
  declare
    target record;
  begin
    for target in
      select p.oid, p.proname, pg_get_function_arguments(p.oid) as arguments, p.prorettype::regtype as result
      from pg_proc as p
      where p.pronamespace = 'pg_catalog'::regnamespace
        and p.proname in ('now', 'clock_timestamp', 'gen_random_uuid', 'pg_notify', 'set_config', 'pg_has_role', 'nextval', 'currval',
                          'row_security_active', 'has_table_privilege', 'has_column_privilege', 'pg_notification_queue_usage',
                          'make_interval', 'left', 'replace', 'pg_xact_status', 'pg_sleep', 'pg_advisory_xact_lock')
        and p.prorettype not in ('void'::regtype, 'bigint'::regtype)
    loop
      execute format('create function hostile.%I(%s) returns %s language plpgsql as %L', target.proname, target.arguments, target.result,
        format('begin perform hostile.note(%L); return null; end', target.proname));
    end loop;
    for target in
      select o.oprname, o.oprleft::regtype as lefttype, o.oprright::regtype as righttype, row_number() over () as number
      from pg_operator as o
      where o.oprnamespace = 'pg_catalog'::regnamespace
        and o.oprname in ('=', '<>', '<', '<=', '>', '>=') and o.oprresult = 'boolean'::regtype
        and o.oprleft in ('text'::regtype, 'name'::regtype, 'uuid'::regtype, 'oid'::regtype, 'integer'::regtype, 'bigint'::regtype,
                          'timestamptz'::regtype, 'double precision'::regtype)
        and o.oprright in ('text'::regtype, 'name'::regtype, 'uuid'::regtype, 'oid'::regtype, 'integer'::regtype, 'bigint'::regtype,
                           'timestamptz'::regtype, 'double precision'::regtype)
    loop
      execute format('create function hostile.compare_%s(%s, %s) returns boolean language plpgsql as %L', target.number, target.lefttype,
        target.righttype, format('begin return hostile.note(%L); end', target.oprname));
      execute format('create operator hostile.%s (leftarg = %s, rightarg = %s, function = hostile.compare_%s)', target.oprname,
        target.lefttype, target.righttype, target.number);
    end loop;
  end
  $$;
  create table hostile.steadytext_queue (request_id uuid, username text, function_name text, status text);
`;

const CALLS = [
  `select public.steadytext_generate_async('x')`,
  `select public.steadytext_embed_async('x')`,
  `select public.steadytext_generate_json_async('x', '{}')`,
  `select public.steadytext_generate_regex_async('x', 'y')`,
  `select public.steadytext_generate_choice_async('x', array['a', 'b'])`,
  `select public.steadytext_generate_batch_async(array['x', 'y'])`,
  `select public.steadytext_embed_batch_async(array['x', 'y'])`,
  `select public.steadytext_rerank_async('q', array['a', 'b'])`,
  'select public.steadytext_check_async(request_id) from public.steadytext_queue',
  'select public.steadytext_check_async_batch(array_agg(request_id)) from public.steadytext_queue',
  'select public.steadytext_embedding(request_id) from public.steadytext_queue where function_name operator(pg_catalog.=) text $$embed$$',
  'select public.steadytext_cancel_async(request_id) from public.steadytext_queue limit 1',
  'select public.steadytext_retry(request_id) from public.steadytext_queue limit 1',
  `select public.steadytext_prune('0 seconds')`,
  'select public.steadytext_queue_stats()',
  'select public.steadytext_worker_status()',
  `insert into public.steadytext_queue (function_name) values ('embed')`,
  `update public.steadytext_queue set status = 'cancelled'`,
  'delete from public.steadytext_queue',
] as const;

describe('a search_path of hostile functions and operators', () => {
  test.each(CALLS)('changes nothing for %s', async (call) => {
    await a.query('select public.steadytext_embed_async($1)', ['x']);
    await a.query('set search_path = hostile, pg_catalog, public');
    const outcome = await a.query(call).finally(() => a.query('reset search_path'));
    expect(outcome.rowCount).toBeGreaterThanOrEqual(0);
    expect((await cast.database.pool.query('select distinct name, role from hostile.ran_as')).rows).toEqual([]);
  });

  test('(and would be used by a statement that does not pin it)', async () => {
    await a.query('set search_path = hostile, pg_catalog, public');
    await a.query(`select 'x'::text = 'y'::text, now()`).finally(() => a.query('reset search_path'));
    const { rows } = await cast.database.pool.query('select name from hostile.ran_as order by name');
    expect(rows).toEqual([{ name: '=' }, { name: 'now' }]);
  });
});

describe('temporary objects', () => {
  test('of the names of ours and of the catalog fool nobody', async () => {
    await a.query(`
      create temp table steadytext_queue (like public.steadytext_queue);
      create temp table worker (worker_id uuid, status text);
      create temp table loopback (dsn text);
      create temp sequence pending_base start 1000000;
      create temp table pg_class as select oid, relname, (select oid from pg_catalog.pg_roles where rolname = current_user) as relowner
        from pg_catalog.pg_class;
      set search_path = pg_temp, public`);
    try {
      const { rows } = await a.query<{ id: string }>(`select public.steadytext_embed_async('x') as id`);
      expect((await cast.sessions.owner.query('select username from public.steadytext_queue')).rows).toEqual([
        { username: cast.names.a },
      ]);
      expect((await a.query('select from pg_temp.steadytext_queue')).rows).toHaveLength(0);
      const seen = await a.query('select status from public.steadytext_check_async($1)', [rows[0]?.id]);
      expect(seen.rows).toEqual([{ status: 'pending' }]);
      // Were it the owner in the eyes of the guard, this would pass.
      const forged = await sqlErrorOf(
        a,
        `insert into public.steadytext_queue (function_name, retry_count) values ('embed', 5)`,
      );
      expect(forged.code).toBe('42501');
    } finally {
      await a.query('reset search_path; discard temp');
    }
  });

  test('of the names of functions are not called', async () => {
    await a.query(`
      create function pg_temp.now() returns timestamptz language sql as $$ select 'infinity'::timestamptz $$;
      create function pg_temp.pg_has_role(name, oid, text) returns boolean language sql as 'select true';
      create function pg_temp.gen_random_uuid() returns uuid language sql as $$ select '00000000-0000-0000-0000-000000000000'::uuid $$;
      set search_path = pg_temp, pg_catalog, public`);
    try {
      await a.query(`select public.steadytext_embed_async('x')`);
      const forged = await sqlErrorOf(a, `update public.steadytext_queue set status = 'completed'`);
      expect(forged.code).toBe('42501');
    } finally {
      await a.query('reset search_path; discard temp');
    }
  });
});

test("settings of a caller's session do not change what the owner's functions do", async () => {
  await a.query(`
    set enable_indexscan = off; set enable_seqscan = off; set plan_cache_mode = force_generic_plan; set datestyle = 'German';
    set intervalstyle = 'sql_standard'; set timezone = 'Asia/Kathmandu'; set extra_float_digits = -15; set bytea_output = escape;
    set array_nulls = off; set transform_null_equals = on; set default_transaction_isolation = serializable;
    set quote_all_identifiers = on; set standard_conforming_strings = off; set escape_string_warning = off`);
  try {
    await a.query(`select public.steadytext_embed_batch_async(array['x', 'y'])`);
    const forged = await sqlErrorOf(a, `update public.steadytext_queue set status = 'completed'`);
    expect(forged.code).toBe('42501');
    expect((await a.query(`update public.steadytext_queue set status = 'cancelled'`)).rowCount).toBe(2);
  } finally {
    await a.query('reset all');
  }
});
