import { expect, test } from 'vitest';
import { programSchemaVersion } from '../../src/db/migrate/migration-file.ts';
import { listOwnObjects, uninstall } from '../../src/db/migrate/uninstall.ts';
import type { TestDatabase } from '../support/database.ts';
import { createOwnedDatabase, migrateAs, withSession } from '../support/owned-database.ts';

const uninstallAs = (uri: string) =>
  withSession(uri, async (session) => {
    const objects = await listOwnObjects(session);
    await uninstall(session, objects);
    return objects;
  });

/** Everything that is not PostgreSQL's own. */
async function objectsOf(db: TestDatabase): Promise<string[]> {
  const { rows } = await db.pool.query<{ name: string }>(
    `select 'relation ' || c.oid::regclass as name from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
     where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
     union all
     select 'function ' || p.oid::regprocedure from pg_proc as p join pg_namespace as n on n.oid = p.pronamespace
     where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
     union all
     select 'schema ' || nspname from pg_namespace where nspname !~ '^pg_' and nspname not in ('information_schema', 'public')
     order by 1`,
  );
  return rows.map(({ name }) => name);
}

test('what migrate made is gone, and can be installed again', async () => {
  await using db = await createOwnedDatabase();
  await migrateAs(db.owner.uri, { grant: [(await db.createRole('app')).name] });
  await withSession(db.owner.uri, (session) => session.query(`select steadytext_embed_batch_async(array['a', 'b'])`));
  const objects = await uninstallAs(db.owner.uri);
  expect(objects).toContainEqual({
    kind: 'table',
    name: 'public.steadytext_queue',
    note: '2 requests with their results',
  });
  expect(await objectsOf(db)).toEqual([]);
  expect(await migrateAs(db.owner.uri)).toMatchObject({ fromVersion: 0, toVersion: programSchemaVersion() });
});

test('nothing is removed where nothing is installed', async () => {
  await using db = await createOwnedDatabase();
  expect(await uninstallAs(db.owner.uri)).toEqual([]);
});

test("the user's tables, columns, functions and views stay, whatever their names", async () => {
  await using db = await createOwnedDatabase();
  await migrateAs(db.owner.uri);
  await withSession(db.owner.uri, (session) =>
    session.query(
      `create table steadytext_dead_letter_queue (like steadytext_queue including all, moved_at timestamp default now());
       create table documents (id int, embedding real[], request_id uuid);
       create function steadytext_diagnostics() returns int language sql as 'select 1';
       create view steadytext_health_dashboard as select 1 as one;
       insert into steadytext_dead_letter_queue (function_name) values ('embed')`,
    ),
  );
  await uninstallAs(db.owner.uri);
  const left = await objectsOf(db);
  expect(left.filter((name) => !/_(idx|key|pkey|seq|status_.*)\d*$/.test(name))).toEqual([
    'function steadytext_diagnostics()',
    'relation documents',
    'relation steadytext_dead_letter_queue',
    'relation steadytext_health_dashboard',
  ]);
  const { rows } = await db.pool.query(
    `insert into steadytext_dead_letter_queue (function_name) values ('rerank') returning status, retry_count`,
  );
  expect(rows).toEqual([{ status: 'pending', retry_count: 0 }]);
});

test.each([
  [
    'a view on the queue',
    'create view queue_health as select status, count(*) from steadytext_queue group by status',
    'view queue_health',
  ],
  [
    'a foreign key to a request',
    'create table mine (request_id uuid references steadytext_queue (request_id))',
    'constraint mine_request_id_fkey on table mine',
  ],
  [
    'a trigger by one of our functions',
    'create table mine (id int); create trigger t before update on mine for each row execute function lamplighter.settle_request_status()',
    'trigger t on table mine',
  ],
  [
    'a table in our schema',
    'create table lamplighter.of_mine (id int); create view v as select * from lamplighter.of_mine',
    'view v',
  ],
])('%s keeps everything in place, and is named', async (_, statement, dependent) => {
  await using db = await createOwnedDatabase();
  await migrateAs(db.owner.uri);
  await withSession(db.owner.uri, (session) => session.query(statement));
  const before = await objectsOf(db);
  await expect(uninstallAs(db.owner.uri)).rejects.toMatchObject({
    code: 'NAME_TAKEN',
    message: expect.stringContaining(`Nothing was removed, as other objects depend on it: ${dependent}`),
    hint: 'Drop those first, if you no longer need them.',
  });
  expect(await objectsOf(db)).toEqual(before);
});
