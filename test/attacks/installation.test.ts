import pg from 'pg';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { renderPlan } from '../../src/db/migrate/migrate.ts';
import { planMigration } from '../../src/db/migrate/migration-plan.ts';
import { eventually } from '../support/eventually.ts';
import { createOwnedDatabase, migrateAs, type OwnedDatabase } from '../support/owned-database.ts';
import { openSession } from '../support/sql-session.ts';
import { startSqlWorker } from '../support/sql-worker.ts';

let db: OwnedDatabase;
beforeEach(async () => {
  db = await createOwnedDatabase();
});
afterEach(() => db[Symbol.asyncDispose]());

const TYPES = [
  'text',
  'name',
  'uuid',
  'jsonb',
  'integer',
  'bigint',
  'timestamptz',
  'interval',
  'oid',
  'regclass',
  'boolean',
  'xid',
  '"char"',
];
const OPERATORS = ['=', '<>', '<', '<=', '>', '>=', '||', '+', '-', '~', '<<', '&&'];

/** Operators for every two types, and functions for one of each, that anybody may have put into public on PostgreSQL 14. */
const HOSTILE_OBJECTS = TYPES.flatMap((left) => [
  `create function public.hijack(${left}) returns ${left} language sql immutable as 'select $1';`,
  ...['coalesce_text', 'jsonb_typeof', 'now', 'format', 'concat', 'left', 'pg_has_role'].map(
    (name) =>
      `create function public.${name}(${left}) returns text language sql immutable as $$ select 'hijacked'::text $$;`,
  ),
  `create function public.row_security_active(${left}) returns boolean language sql as 'select false';`,
  ...TYPES.flatMap((right) => [
    `create function public.hijack(${left}, ${right}) returns boolean language sql immutable as 'select true';`,
    `create function public.has_table_privilege(${left}, ${right}) returns boolean language sql as 'select true';`,
    ...OPERATORS.map(
      (name) => `create operator public.${name} (leftarg = ${left}, rightarg = ${right}, function = public.hijack);`,
    ),
  ]),
]).join('\n');

/** What of the product was bound to an object in public that is not the product's. */
const LIST_BOUND = `
  select distinct pg_describe_object(d.classid, d.objid, d.objsubid) as product, pg_describe_object(d.refclassid, d.refobjid, 0) as other
  from pg_catalog.pg_depend as d
  left join pg_catalog.pg_operator as o on d.refclassid operator(pg_catalog.=) 'pg_catalog.pg_operator'::regclass and o.oid operator(pg_catalog.=) d.refobjid
  left join pg_catalog.pg_proc as f on d.refclassid operator(pg_catalog.=) 'pg_catalog.pg_proc'::regclass and f.oid operator(pg_catalog.=) d.refobjid
  where (o.oprnamespace operator(pg_catalog.=) 'public'::regnamespace
         or (f.pronamespace operator(pg_catalog.=) 'public'::regnamespace and not f.proname operator(pg_catalog.~~) 'steadytext%'))
    and d.classid operator(pg_catalog.<>) 'pg_catalog.pg_operator'::regclass`;

describe('what others had put into public before', () => {
  test.each(['migrate', 'migrate --sql'])('is part of nothing that %s makes', async (way) => {
    await db.pool.query(HOSTILE_OBJECTS);
    await db.pool.query(`alter role ${db.owner.name} set search_path = public`);
    if (way === 'migrate') await migrateAs(db.owner.uri);
    else {
      await using session = await openSession(db.owner.uri);
      await session.client.query(renderPlan(await planMigration(undefined, {})));
    }
    await using session = await openSession(db.uri);
    await session.client.query('set search_path = pg_catalog');
    expect((await session.client.query(LIST_BOUND)).rows).toEqual([]);

    await using caller = await openSession(db.owner.uri);
    await caller.client.query(`select public.steadytext_embed_async('x')`);
    const worker = await startSqlWorker(caller.client);
    expect(await worker.answer('[1]')).toBe(1);
  });

  test('(and would be part of what is made with such a search_path)', async () => {
    await db.pool.query(HOSTILE_OBJECTS);
    await using session = await openSession(db.uri);
    await session.client.query(
      'set search_path = public, pg_catalog; create table public.bound (id integer check (id > 0))',
    );
    await session.client.query('set search_path = pg_catalog');
    expect((await session.client.query(LIST_BOUND)).rows).toHaveLength(1);
  });
});

describe('an event trigger of the server', () => {
  const eventTrigger = (body: string) => `
    create function public.on_ddl() returns event_trigger language plpgsql as $$
    declare
      object record;
    begin
      for object in select * from pg_event_trigger_ddl_commands() loop
        ${body}
      end loop;
    end
    $$;
    create event trigger on_ddl on ddl_command_end execute function public.on_ddl()`;

  test('that fails leaves nothing of an installation behind', async () => {
    await db.pool.query(
      eventTrigger(`if object.object_identity like '%claim_requests%' then raise exception 'not today'; end if;`),
    );
    await expect(migrateAs(db.owner.uri)).rejects.toThrow('not today');
    const { rows } = await db.pool.query(
      `select from pg_namespace where nspname = 'lamplighter' union all select from pg_class where relname like 'steadytext%'`,
    );
    expect(rows).toHaveLength(0);
    await db.pool.query('drop event trigger on_ddl');
    await migrateAs(db.owner.uri);
  });

  test('that gives everything to everybody is undone before anybody sees it', async () => {
    await db.pool.query(
      eventTrigger(`
        if object.command_tag in ('CREATE TABLE', 'CREATE FUNCTION') then
          execute format('grant all on %s %s to public', lower(substr(object.command_tag, 8)), object.object_identity);
        end if;`),
    );
    await migrateAs(db.owner.uri);
    const stranger = await db.createRole('stranger');
    const client = new pg.Client({ connectionString: stranger.uri });
    await client.connect();
    for (const statement of [
      'select from public.steadytext_queue',
      `insert into public.steadytext_queue (function_name) values ('embed')`,
      'select dsn from lamplighter.loopback',
      `select public.steadytext_embed_async('x')`,
      `select public.steadytext_pause('embed')`,
    ]) {
      await expect(client.query(statement)).rejects.toMatchObject({ code: '42501' });
    }
    await client.end();
  });
});

test('whoever takes the lock of migrations holds up migrations, is seen by all, and holds up nobody else', async () => {
  await migrateAs(db.owner.uri);
  const stranger = await db.createRole('stranger');
  await using thief = await openSession(stranger.uri);
  await thief.client.query(`select pg_advisory_lock(hashtextextended('lamplighter migrate', 0))`);
  await using owner = await openSession(db.owner.uri);
  const migration = migrateAs(db.owner.uri);
  const { rows } = await eventually(async () => {
    const holders = await owner.client.query(
      `select a.usename, a.pid
       from pg_locks as waiting
       cross join unnest(pg_blocking_pids(waiting.pid)) as holder (pid)
       join pg_stat_activity as a on a.pid = holder.pid
       where waiting.locktype = 'advisory' and not waiting.granted`,
    );
    expect(holders.rows).toHaveLength(1);
    return holders;
  });
  expect(rows).toEqual([{ usename: stranger.name, pid: thief.pid }]);
  await owner.client.query(`select public.steadytext_embed_async('x')`);
  const worker = await startSqlWorker(owner.client);
  expect(await worker.answer('[1]')).toBe(1);
  await thief.client.query('select pg_advisory_unlock_all()');
  expect((await migration).steps).toEqual([]);
});
