import { chmodSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { findFreePort } from '../../src/db/embedded/postmaster.ts';
import { withClient } from '../support/admin.ts';
import { createTestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import type { SpawnedProcess } from '../support/process.ts';
import { runCli, startCli } from './run-cli.ts';

// A test makes a database cluster, or starts servers one after the other, on a machine with other work.
vi.setConfig({ testTimeout: 60_000 });

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'lamplighter-test-'));
  chmodSync(root, 0o755);
});
afterAll(() => rmSync(root, { recursive: true, force: true, maxRetries: 5 }));

const uriOf = async (up: SpawnedProcess) => (await up.waitForLine(/psql postgresql:/)).replace(/^.*psql /, '');
const ask = (uri: string, query: string) =>
  withClient(uri, async (client) => (await client.query<{ answer: unknown }>(query)).rows[0]?.answer);

test('up runs a database that one transaction can queue and wait in, keeps it to itself, and finds all again at the next start', async () => {
  const dataDir = join(root, 'data');
  const port = await findFreePort();
  await using first = startCli(['up', '--data-dir', dataDir, '--port', String(port)]);
  const uri = await uriOf(first);
  await ask(uri, 'create table kept as select 42 as answer');
  expect(await ask(uri, "select left(steadytext_get_async_result(steadytext_embed_async('hello')), 1) as answer")).toBe(
    '[',
  );
  expect(statSync(join(dataDir, 'postgres', 'password')).mode & 0o777).toBe(0o600);

  const second = await runCli(['up', '--data-dir', dataDir]);
  expect(second.stderr).toContain(`error: The folder ${dataDir} is in use by another process`);
  expect(second.code).toBe(1);

  first.kill('SIGINT');
  expect(await first.exited).toEqual({ code: 130, signal: null });
  await expect(ask(uri, 'select 1')).rejects.toThrow(/ECONNREFUSED/);

  await using again = startCli(['up', '--data-dir', dataDir, '--jobs-table', 'app_jobs']);
  await again.waitForLine(/^PostgreSQL, a worker and an embedding daemon run, with the data that was there\.$/);
  await again.waitForLine(
    /^The daemon takes up each row of public\.app_jobs; "lamplighter jobs add --table app_jobs" adds one\.$/,
  );
  expect(await uriOf(again)).toBe(uri);
  expect(await ask(uri, 'select answer from kept')).toBe(42);
  again.kill('SIGTERM');
  expect((await again.exited).code).toBe(0);
});

test('up says that a port is taken', async () => {
  const holder = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => holder.once('listening', resolve));
  const address = holder.address();
  const port = address !== null && typeof address === 'object' ? address.port : 0;
  const { code, stderr } = await runCli(['up', '--data-dir', join(root, 'other'), '--port', String(port)]);
  holder.close();
  expect(stderr).toBe(
    `error: Port ${port} on 127.0.0.1 is taken.\nhint: Choose another one with --port, or any free one with --port 0.\n`,
  );
  expect(code).toBe(1);
});

test('up with a database in the environment installs the schema there and works for it', async () => {
  await using db = await createTestDatabase({ migrated: false });
  await using up = startCli(['up'], { env: { DATABASE_URL: db.uri } });
  await up.waitForLine(/Installed schema version/);
  await up.waitForLine(/A worker runs for .* \(from DATABASE_URL\)/);
  await up.waitForLine(/serving embed, rerank/);
  const { rows } = await db.pool.query<{ id: string }>("select steadytext_embed_async('hello') as id");
  await eventually(async () => {
    const { rows: checked } = await db.pool.query('select status from steadytext_check_async($1)', [rows[0]?.id]);
    expect(checked).toEqual([{ status: 'completed' }]);
  });
  up.kill('SIGINT');
  expect((await up.exited).code).toBe(130);
});
