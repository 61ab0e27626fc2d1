import { afterAll, beforeEach, describe, expect, test, vi } from 'vitest';
import * as sql from '../../src/db/load-sql.ts';
import { listOwnObjects, uninstall } from '../../src/db/migrate/uninstall.ts';
import { createTestDatabase } from '../support/database.ts';
import { createOwnedDatabase, migrateAs, withSession } from '../support/owned-database.ts';

const MIGRATION = `-- 9000_annex (schema version 1): a schema that is shared with users, for a test
create schema if not exists annex;
create table annex.things (
  id bigint generated always as identity,
  constraint things_pkey primary key (id)
);
`;

const FUNCTION = `-- annex.count_things (caller)
create or replace function annex.count_things() returns bigint
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select count(*) from annex.things
$$;

create or replace view annex.thing_count as select annex.count_things() as things;
`;

// The program of a release that has a shared schema beside public.
const { loadMigrations, loadRoutines } = sql;
const NAMES = ['things', 'things_id_seq', 'thing_count'].map((name) => `('relation', 'annex', '${name}'),\n    `);
vi.spyOn(sql, 'loadMigrations').mockImplementation(() => [
  ...loadMigrations(),
  { name: '9000_annex.sql', text: MIGRATION },
]);
vi.spyOn(sql, 'loadRoutines').mockImplementation(() => [
  ...loadRoutines().map(({ name, text }) => ({
    name,
    text: name === 'list_shared_names.sql' ? text.replace('values', `values ${NAMES.join('')}`) : text,
  })),
  { name: 'count_things.sql', text: FUNCTION },
]);
afterAll(() => vi.restoreAllMocks());

let db: Awaited<ReturnType<typeof createOwnedDatabase>>;
beforeEach(async () => {
  db = await createOwnedDatabase();
  return () => db[Symbol.asyncDispose]();
});

const asOwner = (text: string) => withSession(db.owner.uri, (session) => session.query(text));
const uninstallAll = () =>
  withSession(db.owner.uri, async (session) => {
    const objects = await listOwnObjects(session);
    await uninstall(session, objects);
    return objects.map(({ kind, name }) => `${kind} ${name}`);
  });
const countAs = (uri: string) => withSession(uri, (session) => session.query('select annex.count_things()'));

test('a caller may use its functions, and what default privileges gave to others is taken back', async () => {
  const [app, other] = [await db.createRole('app'), await db.createRole('other')];
  await asOwner(`alter default privileges grant usage on schemas to ${other.name};
    alter default privileges grant select on tables to ${other.name}; alter default privileges grant execute on functions to ${other.name}`);
  const { notes } = await migrateAs(db.owner.uri, { grant: [app.name] });
  expect(notes).toEqual(
    expect.arrayContaining(
      ['schema annex', 'table annex.things', 'table annex.thing_count', 'function annex.count_things()'].map(
        (object) => `revoked from ${other.name}: ${object}`,
      ),
    ),
  );
  await countAs(app.uri);
  await expect(countAs(other.uri)).rejects.toMatchObject({ code: '42501' });
  await asOwner(`select lamplighter.revoke_role('${app.name}')`);
  await expect(countAs(app.uri)).rejects.toMatchObject({ code: '42501' });
  expect((await migrateAs(db.owner.uri)).steps).toEqual([]);
});

test('it goes with the product when nothing of others is in it', async () => {
  await migrateAs(db.owner.uri);
  expect(await uninstallAll()).toEqual(
    expect.arrayContaining([
      'function annex.count_things()',
      'schema annex',
      'schema lamplighter',
      'table annex.things',
      'view annex.thing_count',
    ]),
  );
  expect((await db.pool.query(`select from pg_namespace where nspname = 'annex'`)).rows).toEqual([]);
});

describe.each([
  ['a table', 'create table annex.notes (id int)'],
  ['a function of the name of a table', `create function annex.things() returns int language sql return 1`],
  ['a type', `create type annex.mood as enum ('good')`],
  ['an extension', 'create extension citext schema annex'],
])('with %s of others in it', (_, statement) => {
  test('it stays, and so do its privileges', async () => {
    const reader = await db.createRole('reader');
    await migrateAs(db.owner.uri);
    await db.pool.query(`${statement}; grant usage on schema annex to ${reader.name}`);
    await asOwner(`select lamplighter.revoke_role('${reader.name}')`);
    const objects = await uninstallAll();
    expect(objects).toContain('table annex.things');
    expect(objects).not.toContain('schema annex');
    const { rows } = await db.pool.query(`select has_schema_privilege('${reader.name}', 'annex', 'usage') as may`);
    expect(rows).toEqual([{ may: true }]);
  });
});

test('it may be there already, with privileges that stay', async () => {
  const reader = await db.createRole('reader');
  await asOwner(`create schema annex; grant usage on schema annex to ${reader.name}`);
  expect(await migrateAs(db.owner.uri)).toMatchObject({ notes: [] });
  const { rows } = await db.pool.query(`select has_schema_privilege('${reader.name}', 'annex', 'usage') as may`);
  expect(rows).toEqual([{ may: true }]);
});

test('where it is somebody else’s, migrate says what its owner has to give', async () => {
  const app = await db.createRole('app');
  await db.pool.query('create schema annex');
  await expect(migrateAs(db.owner.uri)).rejects.toMatchObject({
    code: 'PERMISSION_DENIED',
    message: 'Not permitted (9000_annex): permission denied for schema annex',
    hint: 'Let the owner of that schema run: GRANT USAGE, CREATE ON SCHEMA annex TO the role that migrates.',
  });
  await db.pool.query(`grant usage, create on schema annex to ${db.owner.name}`);
  const { notes } = await migrateAs(db.owner.uri, { grant: [app.name] });
  const statement = `GRANT USAGE ON SCHEMA annex TO ${app.name}`;
  expect(notes).toEqual([`The role ${app.name} may not use the schema annex; run: ${statement}`]);
  await db.pool.query(statement);
  await countAs(app.uri);
  expect(await uninstallAll()).not.toContain('schema annex');
});

test.each([
  ['a table', 'create table annex.things (id int)', 'table annex.things', 'relation annex.things'],
  ['a type', `create type annex.things as enum ('a')`, 'type annex.things', 'type annex.things'],
  [
    'a function',
    `create function annex.count_things() returns int language sql as 'select 1'`,
    'function annex.count_things()',
    'function annex.count_things()',
  ],
])('%s there that belongs to an extension is refused by its name', async (_, statement, member, name) => {
  await using bare = await createTestDatabase({ migrated: false });
  await bare.pool.query(
    `create schema annex; ${statement}; create extension citext; alter extension citext add ${member}`,
  );
  await expect(migrateAs(bare.uri)).rejects.toMatchObject({
    code: 'NAME_TAKEN',
    message: `The ${name} belongs to the extension "citext"`,
  });
});
