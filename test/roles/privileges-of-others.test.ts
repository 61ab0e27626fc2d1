import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { MigrateReport } from '../../src/db/migrate/migrate.ts';
import { createTestDatabase, type TestDatabase, type TestRole } from '../support/database.ts';
import { createOwner, migrateAs } from './cast.ts';
import { type Attempt, expectMarks, LIST_ATTEMPTS, PROBE, parsePrivileges, tryAll } from './privilege-table.ts';
import { PRIVILEGES } from './privileges.ts';

let database: TestDatabase;
let owner: TestRole;
let api: TestRole;
let caller: TestRole;
let report: MigrateReport;

// As on hosts that give their API roles everything that appears in a database.
beforeAll(async () => {
  database = await createTestDatabase({ migrated: false });
  owner = await createOwner(database);
  [api, caller] = [await database.createRole('Api "role"'), await database.createRole('caller')];
  const everything = ['tables', 'sequences', 'functions', 'types', 'schemas'].map(
    (kind) =>
      `alter default privileges for role ${owner.name} grant all on ${kind} to ${pg.escapeIdentifier(api.name)}, ${caller.name};`,
  );
  await database.pool.query(everything.join('\n'));
  await database.pool.query(
    `alter default privileges for role ${owner.name} in schema public grant all on tables to ${pg.escapeIdentifier(api.name)} with grant option;
     alter default privileges for role ${owner.name} in schema public grant select on tables to public`,
  );
  report = await migrateAs(owner, { grant: [caller.name] });
  await database.pool.query(PROBE);
});
afterAll(() => database[Symbol.asyncDispose]());

/** What `role` may do: `object action` of each attempt that is not refused. */
async function allowedTo(role: TestRole): Promise<string[]> {
  const { rows: attempts } = await database.pool.query<Attempt>(LIST_ATTEMPTS);
  const session = new pg.Client({ connectionString: role.uri, application_name: 'lamplighter test role' });
  await session.connect();
  const outcomes = await tryAll(session, attempts).finally(() => session.end());
  return attempts.filter((_, index) => outcomes[index]).map(({ object, action }) => `${object} ${action}`);
}

describe('what default privileges gave', () => {
  test('is taken back from a role that was not granted anything', async () => {
    expect(await allowedTo(api)).toEqual([]);
  });

  test('is taken back from a caller, who has what migrate grants and no more', async () => {
    const { rows: attempts } = await database.pool.query<Attempt>(LIST_ATTEMPTS);
    const ofCallers = [...expectMarks(parsePrivileges(PRIVILEGES), attempts)].filter(([, marks]) => marks[2] === '+');
    expect(await allowedTo(caller)).toEqual(ofCallers.map(([attempt]) => attempt));
  });

  test('is said, by role and object', () => {
    const name = pg.escapeIdentifier(api.name);
    expect(report.notes).toEqual(
      expect.arrayContaining([
        `revoked from ${name}: table public.steadytext_queue`,
        `revoked from ${name}: sequence public.steadytext_queue_id_seq`,
        `revoked from ${name}: function public.steadytext_prune(interval)`,
        `revoked from ${name}: schema lamplighter`,
        `revoked from ${caller.name}: table lamplighter.loopback`,
      ]),
    );
  });

  test('stays when somebody gives it later, through every further migration', async () => {
    await database.pool.query(`grant select on lamplighter.setting to ${pg.escapeIdentifier(api.name)}`);
    expect((await migrateAs(owner)).notes).toEqual([]);
    const { rows } = await database.pool.query(
      `select has_table_privilege($1, 'lamplighter.setting', 'select') as is_kept`,
      [api.name],
    );
    expect(rows).toEqual([{ is_kept: true }]);
    await database.pool.query(`revoke select on lamplighter.setting from ${pg.escapeIdentifier(api.name)}`);
  });
});

test('PUBLIC has nothing: no table, column, sequence, function, type or schema', async () => {
  const { rows } = await database.pool.query(`
    with relation as (
      select c.*
      from pg_class as c
      where c.relnamespace in ('lamplighter'::regnamespace, 'lantern'::regnamespace)
         or (c.relnamespace = 'public'::regnamespace and c.relname like 'steadytext%')
    ), acl as (
      select 'relation ' || oid::regclass::text as object,
             coalesce(relacl, acldefault(case relkind when 'S' then 's' else 'r' end::"char", relowner)) as acl
      from relation
      union all
      select format('column %s.%I', attrelid::regclass, attname), attacl
      from pg_attribute
      where attrelid in (select oid from relation)
      union all
      select 'type ' || oid::regtype::text, coalesce(typacl, acldefault('T', typowner))
      from pg_type
      where typelem = 0 and (typnamespace in ('lamplighter'::regnamespace, 'lantern'::regnamespace) or typrelid in (select oid from relation))
      union all
      select 'function ' || oid::regprocedure::text, coalesce(proacl, acldefault('f', proowner))
      from pg_proc
      where pronamespace in ('lamplighter'::regnamespace, 'lantern'::regnamespace)
         or (pronamespace = 'public'::regnamespace and proname like 'steadytext%')
      union all
      select 'schema ' || nspname, coalesce(nspacl, acldefault('n', nspowner))
      from pg_namespace
      where nspname in ('lamplighter', 'lantern')
    )
    select object, privilege_type
    from acl
    cross join aclexplode(acl)
    where grantee = 0`);
  expect(rows).toEqual([]);
});

describe('the functions of the product', () => {
  const inProduct = `(pronamespace in ('lamplighter'::regnamespace, 'lantern'::regnamespace) or (pronamespace = 'public'::regnamespace and proname like 'steadytext%'))`;

  test("all pin the search_path, with the temporary schema last, or bind their names when they are made, but those that read their caller's", async () => {
    const { rows } = await database.pool.query(
      `select oid::regprocedure::text as name from pg_proc
       where ${inProduct} and prosqlbody is null and not 'search_path=pg_catalog, pg_temp' = any (coalesce(proconfig, '{}')) order by 1`,
    );
    expect(rows.map(({ name }) => name)).toEqual([
      'lamplighter.enqueue_task()',
      'lamplighter.run_deliveries(bigint[])',
      'lantern.async_task(text,text)',
      'steadytext_embed_table(regclass,text,text,integer,boolean,integer,text,bigint)',
      'steadytext_on_completed(regprocedure,text)',
    ]);
  });

  test('that callers run with the rights of the owner are these', async () => {
    const { rows } = await database.pool.query<{ proname: string }>(
      `select proname from pg_proc
       where ${inProduct} and prosecdef and has_function_privilege($1, oid, 'execute') order by proname collate "C"`,
      [caller.name],
    );
    expect(rows.map(({ proname }) => proname)).toEqual([
      'adopt_autonomous',
      'explain_lane',
      'explain_wait',
      'find_request_floor',
      'find_task_floor',
      'find_unfinished_tasks',
      'finish_delivery',
      'issue_id',
      'list_pauses',
      'list_processes',
      'mark_task_bare',
      'read_delivery',
      'read_own_figures',
      'read_waits',
      'record_task_outcome',
      'send_autonomous',
    ]);
  });

  test('in public and lantern all run with the rights of their caller', async () => {
    const { rows } = await database.pool.query(
      `select proname from pg_proc where pronamespace in ('public'::regnamespace, 'lantern'::regnamespace) and ${inProduct} and prosecdef`,
    );
    expect(rows).toEqual([]);
  });
});
