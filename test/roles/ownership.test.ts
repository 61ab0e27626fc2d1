import pg from 'pg';
import { describe, expect, test } from 'vitest';
import { connectClient } from '../../src/db/connection/connect-client.ts';
import { resolveConnection } from '../../src/db/connection/connection-settings.ts';
import { listOwnObjects } from '../../src/db/migrate/uninstall.ts';
import { createTestDatabase, type TestDatabase, type TestRole } from '../support/database.ts';
import { sqlErrorOf } from '../support/sql-error.ts';
import { createOwner, migrateAs } from './cast.ts';

interface Scene extends AsyncDisposable {
  readonly database: TestDatabase;
  /** Owns the database and the schema. */
  readonly owner: TestRole;
  /** No superuser either; takes over. */
  readonly heir: TestRole;
}

async function createScene(): Promise<Scene> {
  const database = await createTestDatabase({ migrated: false });
  const owner = await createOwner(database);
  const heir = await database.createRole('heir');
  await migrateAs(owner);
  await database.pool.query(
    `grant create on database ${database.name} to ${heir.name}; grant create on schema public to ${heir.name}`,
  );
  return { database, owner, heir, [Symbol.asyncDispose]: () => database[Symbol.asyncDispose]() };
}

async function runAs<T>({ uri }: Pick<TestRole, 'uri'>, work: (session: pg.Client) => Promise<T>): Promise<T> {
  const session = new pg.Client({ connectionString: uri, application_name: 'lamplighter test role' });
  await session.connect();
  return work(session).finally(() => session.end());
}

const FORGERIES = [
  `insert into public.steadytext_queue (function_name, status) values ('embed', 'completed')`,
  `update public.steadytext_queue set status = 'completed'`,
  `update public.steadytext_queue set result = 'forged'`,
  'truncate public.steadytext_queue',
];

async function expectNoForgery(role: TestRole, { isQueueing = true } = {}): Promise<void> {
  await runAs(role, async (session) => {
    if (isQueueing) await session.query(`select public.steadytext_embed_async('x')`);
    for (const forgery of FORGERIES) expect((await sqlErrorOf(session, forgery)).code).toBe('42501');
  });
}

async function requireWorks({ database }: Scene): Promise<void> {
  const { rows } = await database.pool.query<{ owners: string[] }>(
    `select array_agg(distinct owner::text) as owners
     from (select relowner::regrole as owner from pg_class
           where oid = 'public.steadytext_queue'::regclass or relnamespace = 'lamplighter'::regnamespace
           union all
           select proowner::regrole from pg_proc where pronamespace = 'lamplighter'::regnamespace) as object`,
  );
  expect(rows[0]?.owners).toHaveLength(1);
}

describe('after REASSIGN OWNED', () => {
  test('the new owner migrates and runs the engine, and the former one can be a caller like any other', async () => {
    await using scene = await createScene();
    const { database, owner, heir } = scene;
    await database.pool.query(`grant ${owner.name} to ${heir.name}`);
    await database.pool.query(
      `reassign owned by ${owner.name} to ${heir.name}; revoke ${owner.name} from ${heir.name}`,
    );
    await migrateAs(heir, { grant: [owner.name] });
    await requireWorks(scene);
    // Somebody grants more than migrate did.
    await database.pool.query(`grant all on public.steadytext_queue to ${owner.name}`);
    await expectNoForgery(owner);
    await runAs(heir, async (session) => {
      const { rows } = await session.query(`select * from lamplighter.list_ready('{embed}', '{default}', 1)`);
      expect(rows).toHaveLength(1);
      const moved = await session.query(`update public.steadytext_queue set status = 'completed', result = '[1]'`);
      expect(moved.rowCount).toBe(1);
    });
  });

  test('a new role that bears the name of the former owner can forge nothing', async () => {
    await using scene = await createScene();
    const { database, owner, heir } = scene;
    await database.pool.query(`reassign owned by ${owner.name} to ${heir.name}; drop owned by ${owner.name}`);
    await database.pool.query(`alter database ${database.name} owner to ${heir.name}; drop role ${owner.name}`);
    const namesake = await database.createRole('owner');
    await migrateAs(heir, { grant: [namesake.name] });
    await database.pool.query(
      `grant all on public.steadytext_queue to ${namesake.name}; alter role ${namesake.name} bypassrls`,
    );
    await expectNoForgery(namesake);
  });
});

describe.each([
  ['the table', (heir: string) => `alter table public.steadytext_queue owner to ${heir}`],
  ['the schema', (heir: string) => `alter schema lamplighter owner to ${heir}`],
  ['a function', (heir: string) => `alter function lamplighter.send_autonomous(uuid) owner to ${heir}`],
])('after ALTER ... OWNER of %s alone', (object, change) => {
  test('callers can forge nothing, and migrate says what to run', async () => {
    await using scene = await createScene();
    const { database, owner, heir } = scene;
    const caller = await database.createRole('caller');
    await migrateAs(owner, { grant: [caller.name] });
    await database.pool.query(`grant all on public.steadytext_queue to ${caller.name}`);
    await expectNoForgery(caller);
    await database.pool.query(change(heir.name));
    await expectNoForgery(caller, { isQueueing: false });

    const present = object === 'the schema' ? heir : owner;
    const refusal = await migrateAs(present).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code: 'PERMISSION_DENIED', hint: expect.stringContaining('owner to') });

    const former = present === owner ? heir : owner;
    await database.pool.query(`grant ${former.name} to ${present.name}`);
    expect((await migrateAs(present)).steps).toContain('give all objects to one owner');
    await requireWorks(scene);
    await expectNoForgery(caller);
    expect((await migrateAs(present)).steps).not.toContain('give all objects to one owner');
  });
});

describe('code of another role does not run as whoever migrates', () => {
  /** Makes `role` a superuser, if a superuser runs it. */
  const trap = (role: TestRole) => `
    create function lamplighter.spring() returns text language plpgsql as $$
    begin
      reset role;
      alter role ${pg.escapeIdentifier(role.name)} superuser;
      return 'sprung';
    exception when insufficient_privilege then
      return 'not sprung';
    end
    $$;
    grant execute on function lamplighter.spring() to public;`;

  async function isSuperuser({ database }: Pick<Scene, 'database'>, role: TestRole): Promise<unknown> {
    const { rows } = await database.pool.query('select rolsuper from pg_roles where rolname = $1', [role.name]);
    return rows[0]?.rolsuper;
  }

  test("a superuser is told to leave an ordinary owner's schema to its owner", async () => {
    await using scene = await createScene();
    const { database, owner } = scene;
    await runAs(owner, (session) =>
      session.query(`
        ${trap(owner)}
        create or replace function lamplighter.grant_caller(p_role_name text) returns text language sql as 'select lamplighter.spring()';
        create function lamplighter.spring_trigger() returns trigger language plpgsql as $$
        begin
          perform lamplighter.spring();
          return null;
        end
        $$;
        create constraint trigger spring after insert on lamplighter.migration deferrable initially deferred
          for each row execute function lamplighter.spring_trigger();`),
    );
    await expect(migrateAs(database, { grant: [owner.name] })).rejects.toMatchObject({
      code: 'PERMISSION_DENIED',
      message: expect.stringContaining(owner.name),
    });
    const session = await connectClient(resolveConnection({ uri: database.uri }, {}));
    await expect(listOwnObjects(session)).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
    await session.end();
    expect(await isSuperuser(scene, owner)).toBe(false);
  });

  test('a schema of our name that somebody else made is refused, and nothing in it is read', async () => {
    await using database = await createTestDatabase({ migrated: false });
    const owner = await createOwner(database);
    const squatter = await database.createRole('squatter');
    await database.pool.query(`grant create on database ${database.name} to ${squatter.name}`);
    await runAs(squatter, (session) =>
      session.query(`
        create schema lamplighter;
        grant usage on schema lamplighter to public;
        create table lamplighter.read_by (role name);
        grant insert on lamplighter.read_by to public;
        create function lamplighter.note() returns text language sql volatile as $$
          insert into lamplighter.read_by values (current_user);
          select 'caller'
        $$;
        create view lamplighter.role_grant as select 'x'::text as role_name, lamplighter.note() as kind;
        create table lamplighter.migration (number int, name text, schema_version int, checksum text);
        create function lamplighter.list_shared_names() returns table (kind text, schema_name text, name text) language sql as $$
          select lamplighter.note(), '', ''
        $$;
        grant select on all tables in schema lamplighter to public;`),
    );
    for (const role of [owner, database]) {
      await expect(migrateAs(role)).rejects.toMatchObject({
        code: 'PERMISSION_DENIED',
        message: expect.stringContaining(squatter.name),
      });
    }
    expect((await database.pool.query('select * from lamplighter.read_by')).rows).toEqual([]);
  });
});
