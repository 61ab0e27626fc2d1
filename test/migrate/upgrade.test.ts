import pg from 'pg';
import { afterAll, beforeEach, expect, test, vi } from 'vitest';
import * as sql from '../../src/db/load-sql.ts';
import { programSchemaVersion, readMigrations } from '../../src/db/migrate/migration-file.ts';
import { requireSchema } from '../../src/db/migrate/schema-state.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { createOwnedDatabase, migrateAs, withSession } from '../support/owned-database.ts';

const later = { migrations: [] as sql.SqlFile[] };
const { loadMigrations } = sql;

// Migrations of releases to come: the files on disk are those of the first.
vi.spyOn(sql, 'loadMigrations').mockImplementation(() => [...loadMigrations(), ...later.migrations]);
afterAll(() => vi.restoreAllMocks());

beforeEach(() => {
  later.migrations = [];
});

const CURRENT = programSchemaVersion();
const FIRST_FREE = readMigrations().length + 1;

/** The number of a migration that comes after those on disk. */
const pad = (offset: number) => String(FIRST_FREE + offset).padStart(4, '0');

/** Adds the next migration to the program; `remark` may be ', no transaction'. */
function release(name: string, version: number, statement: string, remark = ''): void {
  const number = pad(later.migrations.length);
  const text = `-- ${number}_${name} (schema version ${version}${remark}): a test\n${statement}\n`;
  later.migrations.push({ name: `${number}_${name}.sql`, text });
}

async function versionOf(db: TestDatabase): Promise<number> {
  return (await db.pool.query('select max(schema_version) as version from lamplighter.migration')).rows[0].version;
}

const exists = async (db: TestDatabase, relation: string) =>
  (await db.pool.query('select to_regclass($1) is not null as answer', [relation])).rows[0].answer;

test('an upgrade applies what is missing, in order, and records it', async () => {
  await using db = await createTestDatabase();
  release('colour', CURRENT + 1, 'create table lamplighter.colour (name text);');
  release('shade', CURRENT + 1, `insert into lamplighter.colour values ('blue');`);
  const report = await migrateAs(db.uri);
  expect(report).toMatchObject({ fromVersion: CURRENT, toVersion: CURRENT + 1 });
  expect(report.steps.slice(0, 2)).toEqual([`${pad(0)}_colour`, `${pad(1)}_shade`]);
  expect(await versionOf(db)).toBe(CURRENT + 1);
  expect((await migrateAs(db.uri)).steps).toEqual([]);
});

test('an upgrade that fails leaves everything as it was', async () => {
  await using db = await createTestDatabase();
  release('colour', CURRENT + 1, 'create table lamplighter.colour (name text);');
  release('broken', CURRENT + 1, 'select 1 / 0;');
  await expect(migrateAs(db.uri)).rejects.toMatchObject({ code: '22012' });
  expect(await exists(db, 'lamplighter.colour')).toBe(false);
  expect(await versionOf(db)).toBe(CURRENT);
});

test('an installation that fails at the end leaves nothing', async () => {
  await using db = await createOwnedDatabase();
  release('broken', CURRENT, 'select 1 / 0;');
  await expect(migrateAs(db.owner.uri)).rejects.toMatchObject({ code: '22012' });
  expect((await db.pool.query(`select from pg_namespace where nspname = 'lamplighter'`)).rows).toEqual([]);
});

test('an installation whose session is killed leaves nothing, and the next one succeeds', async () => {
  await using db = await createOwnedDatabase();
  release('slow', CURRENT, 'select pg_catalog.pg_sleep(60);');
  const migration = migrateAs(db.owner.uri).catch((error: unknown) => error);
  const { rows } = await eventually(async () => {
    const found = await db.pool.query(
      `select pid from pg_stat_activity where wait_event = 'PgSleep' and usename = $1`,
      [db.owner.name],
    );
    expect(found.rows).toHaveLength(1);
    return found;
  });
  await db.pool.query('select pg_terminate_backend($1)', [rows[0].pid]);
  expect(await migration).toMatchObject({ code: '57P01' });
  later.migrations = [];
  expect(await migrateAs(db.owner.uri)).toMatchObject({ fromVersion: 0, toVersion: CURRENT });
});

test('a step that cannot be in a transaction stands between two transactions', async () => {
  await using db = await createTestDatabase();
  release('colour', CURRENT + 1, 'create table lamplighter.colour (name text);');
  release(
    'colour_idx',
    CURRENT + 1,
    'create index concurrently colour_idx on lamplighter.colour (name);',
    ', no transaction',
  );
  release('shade', CURRENT + 1, `insert into lamplighter.colour values ('blue');`);
  await migrateAs(db.uri);
  expect(await exists(db, 'lamplighter.colour_idx')).toBe(true);
  const { rows } = await db.pool.query('select number from lamplighter.migration order by number desc limit 3');
  expect(rows.map(({ number }) => number)).toEqual([FIRST_FREE + 2, FIRST_FREE + 1, FIRST_FREE]);
  expect((await migrateAs(db.uri)).steps).toEqual([]);
});

test('after a failure in the middle an upgrade goes on where it stopped', async () => {
  await using db = await createTestDatabase();
  release('colour', CURRENT + 1, 'create table lamplighter.colour (name text);');
  release(
    'colour_idx',
    CURRENT + 1,
    'create unique index concurrently colour_idx on lamplighter.missing (name);',
    ', no transaction',
  );
  await expect(migrateAs(db.uri)).rejects.toMatchObject({ code: '42P01' });
  expect(await exists(db, 'lamplighter.colour')).toBe(true);
  later.migrations.pop();
  release(
    'colour_idx',
    CURRENT + 1,
    'create unique index concurrently colour_idx on lamplighter.colour (name);',
    ', no transaction',
  );
  expect((await migrateAs(db.uri)).steps[0]).toBe(`${pad(1)}_colour_idx`);
  expect(await exists(db, 'lamplighter.colour_idx')).toBe(true);
});

test('an upgrade by a member of the owning role makes objects of that role', async () => {
  await using db = await createOwnedDatabase();
  await migrateAs(db.owner.uri);
  const deployer = await db.createRole('deployer');
  await db.pool.query(`grant ${pg.escapeIdentifier(db.owner.name)} to ${pg.escapeIdentifier(deployer.name)}`);
  release('colour', CURRENT + 1, 'create table lamplighter.colour (name text);');
  await migrateAs(deployer.uri);
  const { rows } = await db.pool.query(
    `select relowner::regrole::text as owner from pg_class where relname = 'colour'`,
  );
  expect(rows).toEqual([{ owner: db.owner.name }]);
});

test("what an upgrade adds is nobody else's, and what callers have been granted stays", async () => {
  await using db = await createOwnedDatabase();
  const app = await db.createRole('app');
  await migrateAs(db.owner.uri, { grant: [app.name] });
  await withSession(db.owner.uri, (session) => session.query('alter default privileges grant all on tables to public'));
  release('colour', CURRENT + 1, 'create table lamplighter.colour (name text);');
  await migrateAs(db.owner.uri);
  const { rows } = await db.pool.query(
    `select has_table_privilege($1, 'lamplighter.colour', 'select') as may_read_new,
       has_table_privilege($1, 'steadytext_queue', 'select') as may_read_queue`,
    [app.name],
  );
  expect(rows).toEqual([{ may_read_new: false, may_read_queue: true }]);
});

test('two upgrades at once wait for each other', async () => {
  await using db = await createTestDatabase();
  release('colour', CURRENT + 1, 'create table lamplighter.colour (name text);');
  const reports = await Promise.all([migrateAs(db.uri), migrateAs(db.uri)]);
  expect(reports.map(({ fromVersion }) => fromVersion).sort()).toEqual([CURRENT, CURRENT + 1]);
});

test('a schema that is one version ahead is worked with and left alone', async () => {
  await using db = await createTestDatabase();
  release('colour', CURRENT + 1, 'create table lamplighter.colour (name text);');
  await migrateAs(db.uri);
  later.migrations = [];
  expect(await migrateAs(db.uri)).toMatchObject({ fromVersion: CURRENT + 1, toVersion: CURRENT + 1, steps: [] });
  await withSession(db.uri, async (session) =>
    expect(await requireSchema(session)).toMatchObject({ version: CURRENT + 1 }),
  );
});

test('one that is two versions ahead is refused by migrate and by whoever needs the schema', async () => {
  await using db = await createTestDatabase();
  release('colour', CURRENT + 2, 'create table lamplighter.colour (name text);');
  await migrateAs(db.uri);
  later.migrations = [];
  const refusal = {
    code: 'SCHEMA_TOO_NEW',
    message: `This program works with schema versions up to ${CURRENT + 1}, the database has ${CURRENT + 2}`,
    hint: 'Upgrade the program: npm install lamplighter@latest',
  };
  await expect(migrateAs(db.uri)).rejects.toMatchObject(refusal);
  await withSession(db.uri, (session) => expect(requireSchema(session)).rejects.toMatchObject(refusal));
});

test('a program works with the schema before its own, and asks for an upgrade of an older one', async () => {
  await using db = await createTestDatabase();
  release('next', CURRENT + 1, 'select 1;');
  await withSession(db.uri, async (session) =>
    expect(await requireSchema(session)).toMatchObject({ version: CURRENT }),
  );
  release('after_next', CURRENT + 2, 'select 1;');
  await withSession(db.uri, (session) =>
    expect(requireSchema(session)).rejects.toMatchObject({
      code: 'SCHEMA_TOO_OLD',
      message: `This program works with schema versions ${CURRENT + 1} to ${CURRENT + 3}, the database has ${CURRENT}`,
      hint: 'Run: lamplighter migrate',
    }),
  );
});

test('a database without the schema is told from one with an old schema', async () => {
  await using db = await createTestDatabase({ migrated: false });
  await withSession(db.uri, (session) =>
    expect(requireSchema(session)).rejects.toMatchObject({
      code: 'SCHEMA_MISSING',
      message: 'The schema of Lamplighter is not installed in this database',
      hint: 'Run: lamplighter migrate',
    }),
  );
});

test('a migration that was edited after it was applied is refused', async () => {
  await using db = await createTestDatabase();
  release('colour', CURRENT + 1, 'create table lamplighter.colour (name text);');
  await migrateAs(db.uri);
  later.migrations = [];
  release('colour', CURRENT + 1, 'create table lamplighter.colour (name varchar);');
  await expect(migrateAs(db.uri)).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: `Migration ${pad(0)}_colour is recorded in lamplighter.migration with another checksum than this program's`,
  });
});
