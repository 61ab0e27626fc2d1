import pg from 'pg';
import { afterAll, beforeEach, describe, expect, test, vi } from 'vitest';
import * as sql from '../../src/db/load-sql.ts';
import { programSchemaVersion } from '../../src/db/migrate/migration-file.ts';
import { compareRoutines } from '../../src/db/migrate/routine-steps.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { createOwnedDatabase, migrateAs, withSession } from '../support/owned-database.ts';

const program = {
  changes: new Map<string, string | undefined>(),
  migrations: [] as sql.SqlFile[],
};
const { loadMigrations, loadRoutines } = sql;

// The program of another release: with other files of functions than those on disk, or without some of them.
vi.spyOn(sql, 'loadMigrations').mockImplementation(() => [...loadMigrations(), ...program.migrations]);
vi.spyOn(sql, 'loadRoutines').mockImplementation(() => {
  const files = new Map(loadRoutines().map(({ name, text }) => [name, text]));
  for (const [name, text] of program.changes) {
    if (text === undefined) files.delete(name);
    else files.set(name, text);
  }
  return [...files].map(([name, text]) => ({ name, text })).sort((a, b) => (a.name < b.name ? -1 : 1));
});
afterAll(() => vi.restoreAllMocks());

beforeEach(() => {
  program.changes.clear();
  program.migrations = [];
});

/** A function that answers `answer`, as the file of a release. */
function release(answer: string, { parameters = '', returns = 'text', audience = 'caller' } = {}): void {
  program.changes.set(
    'tell.sql',
    `-- lamplighter.tell (${audience})
create or replace function lamplighter.tell(${parameters}) returns ${returns}
language sql stable security invoker set search_path = pg_catalog, pg_temp as $$
  select ${answer}
$$;
`,
  );
}

const told = async (db: TestDatabase) => (await db.pool.query('select lamplighter.tell() as answer')).rows[0].answer;
const compare = (db: TestDatabase) => withSession(db.uri, (session) => compareRoutines(session));

/** Adds a migration of the next version of the schema to the program. */
async function releaseVersion(db: TestDatabase): Promise<void> {
  const number = (await db.pool.query('select max(number) + 1 as next from lamplighter.migration')).rows[0].next;
  const name = `${String(number).padStart(4, '0')}_later`;
  const version = programSchemaVersion() + 1;
  program.migrations = [{ name: `${name}.sql`, text: `-- ${name} (schema version ${version}): a test\nselect 1;\n` }];
}

test('what migrate installs are the functions of the program, and nothing is left to do', async () => {
  await using db = await createTestDatabase();
  expect(await compare(db)).toEqual({ changed: [], outdated: [], missing: [], surplus: [], text: undefined });
});

test('a function that is new or changed is made or replaced, and no other is touched', async () => {
  await using db = await createTestDatabase();
  const oids = `select p.oid, p.xmin from pg_proc as p where pronamespace = 'lamplighter'::regnamespace and proname <> 'tell'
    order by 1`;
  const before = (await db.pool.query(oids)).rows;

  release(`'first'`);
  const first = await migrateAs(db.uri);
  expect(first.steps).toEqual(['functions lamplighter.tell', 'revoke what default privileges gave']);
  expect(await told(db)).toBe('first');

  release(`'second'`);
  expect(await compare(db)).toMatchObject({ outdated: ['lamplighter.tell'], missing: [] });
  await migrateAs(db.uri);
  expect(await told(db)).toBe('second');
  expect((await migrateAs(db.uri)).steps).toEqual([]);

  expect((await db.pool.query(oids)).rows).toEqual(before);
});

test('a function that is gone stays for workers of the version before, and is dropped by the version after', async () => {
  await using db = await createTestDatabase();
  release(`'still here'`, { audience: 'worker' });
  await migrateAs(db.uri);
  program.changes.clear();
  expect(await compare(db)).toMatchObject({ surplus: ['lamplighter.tell'] });
  await migrateAs(db.uri);
  expect(await told(db)).toBe('still here');
  expect(await compare(db)).toMatchObject({ surplus: [], text: undefined });
  await releaseVersion(db);
  expect(await compare(db)).toMatchObject({ surplus: ['lamplighter.tell'] });
  await migrateAs(db.uri);
  await expect(told(db)).rejects.toMatchObject({ code: '42883' });
  expect((await migrateAs(db.uri)).steps).toEqual([]);
});

test('a function that comes back is one of the program again', async () => {
  await using db = await createTestDatabase();
  release(`'back'`);
  await migrateAs(db.uri);
  program.changes.clear();
  await migrateAs(db.uri);
  release(`'back'`);
  await migrateAs(db.uri);
  await releaseVersion(db);
  await migrateAs(db.uri);
  expect(await told(db)).toBe('back');
});

test('who is no longer among the audience of a function may not execute it any more', async () => {
  await using db = await createTestDatabase();
  const caller = await db.createRole('caller');
  const mayCall = async () =>
    (await db.pool.query(`select has_function_privilege($1, 'lamplighter.tell()', 'execute') as may`, [caller.name]))
      .rows[0].may;
  release(`'everybody'`);
  await migrateAs(db.uri, { grant: [caller.name] });
  expect(await mayCall()).toBe(true);
  release(`'nobody'`, { audience: 'internal' });
  await migrateAs(db.uri);
  expect(await mayCall()).toBe(false);
  release(`'everybody'`);
  await migrateAs(db.uri);
  expect(await mayCall()).toBe(true);
});

test('an owner whose name needs quotes installs everything, and has nothing left to do', async () => {
  await using db = await createOwnedDatabase();
  const name = `My-App ${db.name}`;
  await db.pool.query(`alter role ${db.owner.name} rename to ${pg.escapeIdentifier(name)}`);
  const uri = new URL(db.owner.uri);
  uri.username = encodeURIComponent(name);
  try {
    await migrateAs(uri.href);
    expect((await migrateAs(uri.href)).steps).toEqual([]);
  } finally {
    await db.pool.query(`alter role ${pg.escapeIdentifier(name)} rename to ${db.owner.name}`);
  }
});

test('other parameters, or another result, take the place of the former ones, and roles keep their rights', async () => {
  await using db = await createTestDatabase();
  const caller = await db.createRole('caller');
  await migrateAs(db.uri, { grant: [caller.name] });
  release(`'text'`);
  await migrateAs(db.uri);
  release('1', { parameters: 'p_number integer default 1', returns: 'integer' });
  await migrateAs(db.uri);
  const { rows } = await db.pool.query(
    `select p.oid::regprocedure::text as name, has_function_privilege($1, p.oid, 'execute') as may_call
     from pg_proc as p where proname = 'tell'`,
    [caller.name],
  );
  expect(rows).toEqual([{ name: 'lamplighter.tell(integer)', may_call: true }]);
  expect(await told(db)).toBe(1);
});

test('a function that somebody dropped is made again', async () => {
  await using db = await createTestDatabase();
  await db.pool.query('drop function public.steadytext_queue_stats()');
  expect(await compare(db)).toMatchObject({ missing: ['public.steadytext_queue_stats'], outdated: [] });
  expect((await migrateAs(db.uri)).steps[0]).toBe('functions public.steadytext_queue_stats');
  expect((await db.pool.query('select * from public.steadytext_queue_stats()')).rows).toEqual([]);
});

test("somebody else's function in the place of one of ours gives way", async () => {
  await using db = await createOwnedDatabase();
  await migrateAs(db.owner.uri);
  const squatter = await db.createRole('squatter');
  await db.pool.query(`grant create on schema public to ${squatter.name}`);
  await db.pool.query('drop function public.steadytext_queue_stats()');
  await withSession(squatter.uri, (session) =>
    session.query(`create function public.steadytext_queue_stats() returns text language sql as $$ select 'forged' $$;
      create function public.steadytext_queue_stats(integer) returns text language sql as $$ select 'their own' $$`),
  );
  const { rows: schemas } = await db.pool.query<{ is_own: boolean }>(
    `select pg_has_role($1, nspowner, 'usage') as is_own from pg_namespace where nspname = 'public'`,
    [db.owner.name],
  );
  // Before PostgreSQL 15 public belongs to who made the server, and what others put there is not the owner's to drop.
  if (schemas[0]?.is_own === false) {
    await expect(migrateAs(db.owner.uri)).rejects.toMatchObject({
      code: 'PERMISSION_DENIED',
      message: expect.stringContaining('must be owner of function public.steadytext_queue_stats'),
    });
    return;
  }
  expect((await migrateAs(db.owner.uri)).steps[0]).toBe('functions public.steadytext_queue_stats');
  const { rows } = await db.pool.query(
    `select oid::regprocedure::text as name, proowner::regrole::text as owner from pg_proc
     where proname = 'steadytext_queue_stats' order by 1`,
  );
  expect(rows).toEqual([
    { name: 'steadytext_queue_stats()', owner: db.owner.name },
    { name: 'steadytext_queue_stats(integer)', owner: squatter.name },
  ]);
});

describe('nothing is changed', () => {
  test('where a view of the user needs what a function returned', async () => {
    await using db = await createTestDatabase();
    release(`'text'`);
    await migrateAs(db.uri);
    await db.pool.query('create view public.what_was_told as select lamplighter.tell() as answer');
    release('1', { returns: 'integer' });
    await expect(migrateAs(db.uri)).rejects.toMatchObject({
      code: 'NAME_TAKEN',
      message: expect.stringContaining('what_was_told depends on function lamplighter.tell()'),
    });
    expect(await told(db)).toBe('text');
  });

  test('by a program that is one version behind', async () => {
    await using db = await createTestDatabase();
    await releaseVersion(db);
    release(`'later'`);
    await migrateAs(db.uri);
    program.migrations = [];
    release(`'earlier'`);
    expect((await migrateAs(db.uri)).steps).toEqual([]);
    expect(await told(db)).toBe('later');
  });
});
