import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { renderPlan } from '../../src/db/migrate/migrate.ts';
import { parseMigration, programSchemaVersion, readMigrations } from '../../src/db/migrate/migration-file.ts';
import { type MigrationPlan, type MigrationStep, planMigration } from '../../src/db/migrate/migration-plan.ts';
import { readRoutines } from '../../src/db/migrate/routine-file.ts';
import { splitStatements } from '../docs/split-statements.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { createOwnedDatabase, migrateAs, withSession } from '../support/owned-database.ts';

let migrated: TestDatabase;
beforeAll(async () => {
  migrated = await createTestDatabase();
});
afterAll(() => migrated[Symbol.asyncDispose]());

const INSTALLED = { fromVersion: programSchemaVersion(), toVersion: programSchemaVersion(), steps: [], notes: [] };

test('the plan of a first installation needs no database', async () => {
  const plan = await planMigration(undefined, { grant: ['app'] });
  expect(plan).toMatchObject({ fromVersion: 0, toVersion: programSchemaVersion(), runAs: undefined });
  expect(plan.steps.map(({ title }) => title)).toEqual([
    ...readMigrations().map(({ name }) => name),
    `${readRoutines().length} functions`,
    'revoke what default privileges gave',
    'grant caller rights to app',
    'note where the schema is installed',
  ]);
});

test('the plan for an up-to-date schema is empty, and says so', async () => {
  const plan = await withSession(migrated.uri, (session) => planMigration(session, {}));
  expect(renderPlan(plan)).toBe(`-- Nothing to do: the schema has version ${programSchemaVersion()}.\n`);
});

test('the script installs statement by statement, in a session of any search_path', async () => {
  await using db = await createOwnedDatabase();
  const app = await db.createRole("o'brien");
  const script = renderPlan(await planMigration(undefined, { grant: [app.name], loopbackDsn: "password='it''s'" }));
  await withSession(db.owner.uri, async (session) => {
    await session.query(`set search_path = ''`);
    for (const statement of splitStatements(script)) await session.query(statement);
  });
  expect(await migrateAs(db.owner.uri)).toMatchObject({ ...INSTALLED, steps: [expect.stringContaining(app.name)] });
  expect((await db.pool.query('select dsn from lamplighter.loopback')).rows).toEqual([{ dsn: "password='it''s'" }]);
});

test('psql runs the script as it is', async ({ skip }) => {
  const run = promisify(execFile);
  const hasPsql = await run('psql', ['--version']).then(
    () => true,
    () => false,
  );
  skip(!hasPsql, 'no psql on this machine');
  await using db = await createOwnedDatabase();
  const psql = run('psql', ['-X', '-q', '-v', 'ON_ERROR_STOP=1', db.owner.uri]);
  psql.child.stdin?.end(renderPlan(await planMigration(undefined, {})));
  expect((await psql).stderr).toBe('');
  expect(await migrateAs(db.owner.uri)).toEqual(INSTALLED);
});

function stepOf(name: string, remark: string, statement: string): MigrationStep {
  const migration = parseMigration(`${name}.sql`, `-- ${name} (schema version 2${remark}): x\n${statement}\n`);
  return { title: name, text: migration.text, isTransactional: migration.isTransactional, migration };
}

test('a step that cannot be in a transaction is rendered between commit and begin, and recorded after it ran', () => {
  const plan: MigrationPlan = {
    steps: [
      stepOf('0011_a', '', 'select 1;'),
      stepOf('0012_b', ', no transaction', 'create index concurrently i on t (a);'),
      stepOf('0013_c', '', 'select 3;'),
      stepOf('0014_d', '', 'select 4;'),
    ],
    runAs: 'Owner"s',
    fromVersion: 1,
    toVersion: 2,
  };
  const lines = renderPlan(plan)
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('--'));
  expect(lines.map((line) => line.replace(/ \(number.*/, ''))).toEqual([
    'begin;',
    'set local search_path = pg_catalog, pg_temp;',
    'set local role "Owner""s";',
    'select 1;',
    'commit;',
    'create index concurrently i on t (a);',
    'insert into lamplighter.migration',
    'begin;',
    'set local search_path = pg_catalog, pg_temp;',
    'set local role "Owner""s";',
    'select 3;',
    'select 4;',
    'commit;',
  ]);
});
