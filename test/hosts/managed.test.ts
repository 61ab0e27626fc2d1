import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runCli } from '../cli/run-cli.ts';
import { migrateAs, withSession } from '../support/owned-database.ts';
import { firstValue } from '../support/requests.ts';
import { sqlErrorOf } from '../support/sql-error.ts';
import { provesAllHosts } from './all-hosts.ts';
import { createHost, type Host, type HostOptions } from './host-database.ts';
import { type OwnServer, startOwnServer } from './own-server.ts';
import { proveHost } from './prove-host.ts';

let server: OwnServer;
beforeAll(async () => {
  server = await startOwnServer({ settings: { wal_level: 'logical' }, without: ['dblink'] });
});
afterAll(() => server.stop());

const createManagedHost = (options: HostOptions = {}) => createHost({ serverUri: server.uri, ...options });

/** PUBLIC has lost its rights, as hardening guides tell; the owner has what it needs to install. */
const NOTHING_FOR_PUBLIC = `
  revoke all on database DATABASE from public;
  revoke all on schema public from public;
  grant all on schema public to OWNER;
  grant connect on database DATABASE to CALLER, WORKER;
  grant usage on schema public to CALLER;`;

/** A host with a publication for all tables, whose changes are kept for {@link readChanges}. */
async function createPublishedHost(prepare = ''): Promise<Host> {
  const host = await createManagedHost({ prepare: `create publication everything for all tables;${prepare}` });
  await host.admin(`select pg_create_logical_replication_slot($1, 'test_decoding')`, [host.database]);
  return host;
}

/** All object classes, for everybody and for a role of the host, in general and in the schema. */
const EVERYTHING_GIVEN = ['tables', 'sequences', 'functions', 'types']
  .map(
    (kind) => `
  alter default privileges for role OWNER grant all on ${kind} to public, CALLER;
  alter default privileges for role OWNER in schema public grant all on ${kind} to public, WORKER with grant option;`,
  )
  .concat('alter default privileges for role OWNER grant all on schemas to public, CALLER;')
  .join('')
  .replaceAll('public, WORKER with grant option', 'WORKER with grant option');

/** Who may do what with the product's objects, by the catalogs alone and with the roles called by their part. */
async function listPrivileges(host: Host): Promise<string[]> {
  const rows = await host.admin<{ privilege: string }>(
    `with own as (
       select c.* from pg_class as c
       where c.relnamespace = 'lamplighter'::regnamespace
          or (c.relnamespace = 'public'::regnamespace and c.relname like 'steadytext%')
     ), acl (object, acl) as (
       select 'relation ' || relname, coalesce(relacl, acldefault(case relkind when 'S' then 's' else 'r' end::"char", relowner)) from own
       union all
       select format('column %s.%s', own.relname, a.attname), a.attacl from own join pg_attribute as a on a.attrelid = own.oid
       union all
       select 'type ' || t.typname, coalesce(t.typacl, acldefault('T', t.typowner)) from pg_type as t
       where t.typelem = 0 and (t.typnamespace = 'lamplighter'::regnamespace or t.typrelid in (select oid from own))
       union all
       select 'function ' || p.oid::regprocedure, coalesce(p.proacl, acldefault('f', p.proowner)) from pg_proc as p
       where p.pronamespace = 'lamplighter'::regnamespace
          or (p.pronamespace = 'public'::regnamespace and p.proname like 'steadytext%')
       union all
       select 'schema ' || n.nspname, coalesce(n.nspacl, acldefault('n', n.nspowner)) from pg_namespace as n
       where n.nspname = 'lamplighter'
     )
     select format('%s: %s to %s%s', acl.object, a.privilege_type,
                   case when a.grantee = 0 then 'PUBLIC' else regexp_replace(pg_get_userbyid(a.grantee), '^.*_', '') end,
                   case when a.is_grantable then ' with grant option' end) as privilege
     from acl
     cross join aclexplode(acl.acl) as a
     order by privilege`,
  );
  return rows.map(({ privilege }) => privilege);
}

/** Reads what the slot has to tell, and which kinds of change it saw in which table. */
async function readChanges(host: Host): Promise<Set<string>> {
  const rows = await host.admin<{ data: string }>('select data from pg_logical_slot_get_changes($1, null, null)', [
    host.database,
  ]);
  await host.admin('select pg_drop_replication_slot($1)', [host.database]);
  return new Set(rows.flatMap(({ data }) => /^table (\S+: [A-Z]+)/.exec(data)?.[1] ?? []));
}

const WELL = { doesWorkerListen: true, doesCallerListen: true, warnings: [] };

test('a managed host: nothing for PUBLIC, no dblink, a publication for all tables that is read, default privileges that give everything', async () => {
  await using host = await createPublishedHost(NOTHING_FOR_PUBLIC + EVERYTHING_GIVEN);
  await using plain = await createManagedHost();
  await migrateAs(plain.owner.uri, { grant: [plain.caller.name], grantWorker: [plain.worker.name] });
  const proof = await proveHost(host);
  expect(proof).toMatchObject(WELL);
  expect(proof.migration.notes.filter((note) => !note.startsWith('revoked from'))).toEqual([]);
  const privileges = await listPrivileges(host);
  expect(privileges).toEqual(await listPrivileges(plain));
  expect(privileges.filter((privilege) => privilege.includes('PUBLIC'))).toEqual([]);
  expect(privileges.some((privilege) => privilege.includes('to caller'))).toBe(true);
  const changes = await readChanges(host);
  for (const change of ['INSERT', 'UPDATE', 'DELETE']) expect(changes).toContain(`public.steadytext_queue: ${change}`);
  expect(changes).toContain('lamplighter.worker: UPDATE');
});

test('every table of ours can be updated and deleted from under a publication for all tables', async () => {
  await using host = await createManagedHost({ prepare: 'create publication everything for all tables' });
  await migrateAs(host.owner.uri);
  const tables = await host.admin<{ name: string; column: string }>(
    `select format('%I.%I', c.relnamespace::regnamespace, c.relname) as name, (
       select quote_ident(a.attname) from pg_attribute as a
       where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attidentity = '' order by a.attnum limit 1
     ) as column
     from pg_class as c
     where c.relkind in ('r', 'p') and (c.relnamespace = 'lamplighter'::regnamespace or c.relname like 'steadytext%')`,
  );
  expect(tables.length).toBeGreaterThanOrEqual(10);
  // The server asks for a replica identity before it looks for rows.
  for (const { name, column } of tables)
    await host.admin(`update ${name} set ${column} = ${column}; delete from ${name}`);
});

test('migrate says what a granted role still lacks where PUBLIC has nothing', async () => {
  await using host = await createManagedHost({
    prepare: `revoke all on database DATABASE from public; revoke all on schema public from public; grant all on schema public to OWNER with grant option`,
  });
  const { caller, worker, database } = host;
  const report = await migrateAs(host.owner.uri, { grant: [caller.name], grantWorker: [worker.name] });
  expect(report.notes).toEqual([
    `The role ${caller.name} may not connect to this database; run: GRANT CONNECT ON DATABASE ${database} TO ${caller.name}`,
    `The role ${caller.name} may not use the schema public; run: GRANT USAGE ON SCHEMA public TO ${caller.name}`,
    `The role ${worker.name} may not connect to this database; run: GRANT CONNECT ON DATABASE ${database} TO ${worker.name}`,
  ]);
  await expect(withSession(worker.uri, async () => undefined)).rejects.toMatchObject({
    code: 'PERMISSION_DENIED',
    hint: 'Grant it CONNECT.',
  });
  await withSession(host.owner.uri, async (owner) => {
    for (const note of report.notes) await owner.query(note.replace(/^.*run: /, ''));
  });
  expect((await migrateAs(host.owner.uri)).notes).toEqual([]);
});

describe('a server without dblink', () => {
  test('one transaction that queues and waits is told so, and so is who sets a loopback connection', async () => {
    await using host = await createManagedHost();
    const loopback = `host=${server.host} port=${server.port} dbname=${host.database}`;
    const migrated = await runCli([
      'migrate',
      '--uri',
      host.owner.uri,
      '--grant',
      host.caller.name,
      '--loopback',
      loopback,
    ]);
    expect(migrated.stderr).toContain('This server does not offer dblink: wait in a second transaction.');
    expect(migrated.code).toBe(1);
    await withSession(host.caller.uri, async (caller) => {
      await caller.query('begin');
      const id = await firstValue(caller, `select steadytext_generate_async('waited for at once')`);
      expect(await sqlErrorOf(caller, 'select steadytext_get_async_result($1)', [id])).toMatchObject({
        code: '55000',
        detail: 'No loopback connection is set.',
      });
      await caller.query('rollback');
    });
  });
});

describe.skipIf(!provesAllHosts)('one thing at a time', () => {
  test.each<[string, string]>([
    ['PUBLIC may create in the schema public', 'grant create on schema public to public'],
    ['PUBLIC has nothing', NOTHING_FOR_PUBLIC],
    ['a publication for all tables that nobody reads', 'create publication everything for all tables'],
    ['default privileges that give everything away', EVERYTHING_GIVEN],
    [
      'the owner is a member of pg_read_all_data and pg_write_all_data',
      'grant pg_read_all_data, pg_write_all_data to OWNER',
    ],
    ['the worker is the owner', 'grant OWNER to WORKER'],
  ])('%s', async (_, prepare) => {
    await using host = await createManagedHost({ prepare });
    expect(await proveHost(host)).toMatchObject(WELL);
  });

  test('the owner may not ALTER SYSTEM nor create an extension, and settings work all the same', async () => {
    await using host = await createManagedHost();
    await withSession(host.owner.uri, async (owner) => {
      expect((await sqlErrorOf(owner, `alter system set work_mem = '4MB'`)).code).toBe('42501');
      await expect(owner.query('create extension dblink')).rejects.toThrow();
    });
    await migrateAs(host.owner.uri, { grant: [host.caller.name] });
    await withSession(host.owner.uri, (owner) => owner.query(`select lamplighter.set('max_queue_size', '1')`));
    await withSession(host.caller.uri, async (caller) => {
      await caller.query(`select steadytext_embed_async('one')`);
      expect((await sqlErrorOf(caller, `select steadytext_embed_batch_async(array['two', 'three'])`)).code).toBe(
        '53400',
      );
    });
  });
});
