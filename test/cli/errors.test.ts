import { afterAll, beforeAll, expect, test } from 'vitest';
import { findFreePort } from '../../src/db/embedded/postmaster.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { runCli } from './run-cli.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase({ migrated: false });
});
afterAll(() => db[Symbol.asyncDispose]());

test('a server that cannot be reached is named, with what to check', async () => {
  const port = await findFreePort();
  const { code, stderr } = await runCli(['worker', '--uri', `postgresql://lamp:geheim@127.0.0.1:${port}/app`]);
  expect(stderr).toBe(
    `error: Nothing listens at 127.0.0.1:${port}\nhint: Check that PostgreSQL runs there and that host and port are right.\n`,
  );
  expect(code).toBe(1);
});

test('a wrong password is told with its origin, and not shown', async () => {
  const role = await db.createRole('lamp');
  const uri = new URL(role.uri);
  uri.password = 'geheim';
  const { code, stderr } = await runCli(['status'], { env: { DATABASE_URL: uri.href } });
  expect(stderr).toContain(`did not accept the password of role "${role.name}" (from DATABASE_URL)`);
  expect(stderr).not.toContain('geheim');
  expect(code).toBe(1);
});

test.each(['worker', 'status'])('%s says that the schema is missing, and how to install it', async (command) => {
  const { code, stderr } = await runCli([command, '--uri', db.uri]);
  expect(stderr).toBe(
    'error: The schema of Lamplighter is not installed in this database\nhint: Run: lamplighter migrate\n',
  );
  expect(code).toBe(1);
});

test('a schema that is too new is told by its version', async () => {
  await using newer = await createTestDatabase();
  await newer.pool.query('update lamplighter.migration set schema_version = 99');
  for (const command of ['worker', 'migrate']) {
    const { code, stderr } = await runCli([command, '--uri', newer.uri]);
    expect(stderr).toMatch(
      /^error: This program works with schema versions up to \d+, the database has 99\nhint: Upgrade/,
    );
    expect(code).toBe(1);
  }
});

test('where an error comes from is shown only with --log-level debug', async () => {
  const { stderr } = await runCli(['worker', '--uri', db.uri, '--log-level', 'debug']);
  expect(stderr).toContain('error: The schema of Lamplighter is not installed');
  expect(stderr).toMatch(/^ +at (?:async )?requireSchema \(/m);
});

test('a role without rights is told which grant it needs', async () => {
  await using migrated = await createTestDatabase();
  const role = await migrated.createRole('lamp');
  const worker = await runCli(['worker', '--uri', role.uri]);
  expect(worker.stderr).toContain(`hint: As the schema's owner run: lamplighter migrate --grant-worker ${role.name}`);
  const status = await runCli(['status', '--uri', role.uri]);
  expect(status.stderr).toContain(`lamplighter migrate --grant ${role.name}`);
  expect([worker.code, status.code]).toEqual([1, 1]);
});
