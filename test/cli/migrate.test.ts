import { spawn } from 'node:child_process';
import { once } from 'node:events';
import process from 'node:process';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { compiledEntry } from '../support/compiled-program.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { runCli, startCli } from './run-cli.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase({ migrated: false });
});
afterAll(() => db[Symbol.asyncDispose]());

const withUri = (command: string, ...args: string[]) => runCli([command, ...args], { env: { DATABASE_URL: db.uri } });
const hasQueue = async () =>
  (await db.pool.query<{ name: string | null }>("select to_regclass('public.steadytext_queue') as name")).rows[0]
    ?.name !== null;

test('migrate installs, says what it did, and does nothing the second time', async () => {
  const first = await withUri('migrate');
  expect(first.stdout).toMatch(/^Installed schema version \d+ in .*\n {2}0001_/);
  expect(first.code).toBe(0);
  const second = await withUri('migrate');
  expect(second.stdout).toMatch(/^Schema version \d+ is up to date in [^\n]*\n$/);
  expect(second.code).toBe(0);
});

test('migrate grants to each role that is named, in flags or in the environment', async () => {
  const names = ['a', 'b'].map(async (suffix) => (await db.createRole(suffix)).name);
  const [a = '', b = ''] = await Promise.all(names);
  const { code } = await runCli(['migrate', '--grant', a, '--grant', b, '--uri', db.uri], {
    env: { LAMPLIGHTER_GRANT_WORKER: `${a}, ${b}` },
  });
  expect(code).toBe(0);
  const { rows } = await db.pool.query(
    `select has_table_privilege(r, 'steadytext_queue', 'SELECT') as may_see,
            has_table_privilege(r, 'lamplighter.migration', 'SELECT') as may_work
     from unnest($1::text[]) as r`,
    [[a, b]],
  );
  expect(rows).toEqual([
    { may_see: true, may_work: true },
    { may_see: true, may_work: true },
  ]);
});

test('a role that does not exist is bad usage', async () => {
  const { code, stderr } = await withUri('migrate', '--grant', 'nobody_of_that_name');
  expect(stderr).toContain('role "nobody_of_that_name" does not exist');
  expect(code).toBe(2);
});

test('a loopback connection is set only where it works, and its password is not shown', async () => {
  const stored = async () => (await db.pool.query<{ dsn: string }>('select dsn from lamplighter.loopback')).rows;
  const tooSoon = await withUri('migrate', '--loopback', db.uri);
  expect(tooSoon.stderr).toContain(
    'was not set, as it needs the extension dblink\nhint: CREATE EXTENSION dblink; as a superuser',
  );
  expect(tooSoon.code).toBe(1);
  expect(await stored()).toEqual([]);
  await db.pool.query('create extension dblink');
  const works = await withUri('migrate', '--loopback', db.uri);
  expect(works).toMatchObject({ code: 0, stderr: '' });
  const fails = await withUri('migrate', '--loopback', `${db.uri}_geheim`);
  expect(fails.stderr).toContain('the loopback connection was not set, as it does not work');
  expect(fails.code).toBe(1);
  const elsewhere = await withUri('migrate', '--loopback', db.uri.replace(db.name, 'postgres'));
  expect(elsewhere.stderr).toContain('it leads to another database');
  expect(await stored()).toEqual([{ dsn: db.uri }]);
  const password = new URL(db.uri).password;
  if (password !== '') expect(fails.stderr + elsewhere.stderr).not.toContain(password);
});

test('migrate says whom it waits for, and can be interrupted meanwhile', async () => {
  const session = await db.pool.connect();
  try {
    await session.query(`select pg_advisory_lock(hashtextextended('lamplighter migrate', 0))`);
    const { rows } = await session.query<{ line: string }>(
      `select format('Waiting for role "%s" (process %s of the server), which is migrating', current_user, pg_backend_pid()) as line`,
    );
    const start = () => startCli(['migrate'], { env: { DATABASE_URL: db.uri } });
    await using interrupted = start();
    await using patient = start();
    for (const each of [interrupted, patient]) expect(await each.waitForLine(/^Waiting for/)).toContain(rows[0]?.line);
    interrupted.kill('SIGINT');
    expect(await interrupted.exited).toEqual({ code: 130, signal: null });
    await session.query('select pg_advisory_unlock_all()');
    expect(await patient.exited).toEqual({ code: 0, signal: null });
    expect(patient.stdout()).toMatch(/^Schema version \d+ is up to date/);
  } finally {
    session.release();
  }
});

test('--sql prints a script that installs the same', async () => {
  const { code, stdout } = await runCli(['migrate', '--sql']);
  expect(code).toBe(0);
  await using other = await createTestDatabase({ migrated: false });
  await other.pool.query(stdout);
  const again = await runCli(['migrate', '--sql', '--uri', other.uri]);
  expect(again.stdout).toMatch(/^-- Nothing to do/);
});

test('a script longer than a pipe holds is printed whole to a reader that takes its time', async () => {
  const entry = fileURLToPath(new URL(`../../${compiledEntry('src/cli/lamplighter.ts')}`, import.meta.url));
  const child = spawn(process.execPath, [entry, 'migrate', '--sql'], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'readable');
  // A program that does not wait for its reader is over by then; one that does has nothing to tell.
  await Promise.race([once(child, 'exit'), delay(1_000)]);
  expect(await text(child.stdout)).toMatch(/\ncommit;\n$/);
});

test('uninstall shows what goes, and goes on only when told', async () => {
  await db.pool.query("select steadytext_embed_async('kept until then')");
  const asked = await withUri('uninstall');
  expect(asked.stdout).toContain('table public.steadytext_queue (1 requests with their results)');
  expect(asked.stdout).toMatch(/^ {2}\d+ functions of the schema lamplighter$/m);
  expect(asked.stdout).not.toMatch(/function lamplighter[.]/);
  expect(asked.stderr).toContain('hint: Add --yes');
  expect(asked.code).toBe(2);
  expect(await hasQueue()).toBe(true);
  const told = await withUri('uninstall', '--yes');
  expect(told.stdout).toMatch(/Removed \d+ objects from/);
  expect(told.code).toBe(0);
  expect(await hasQueue()).toBe(false);
  expect((await withUri('uninstall')).stdout).toContain('Nothing of Lamplighter is installed');
});
