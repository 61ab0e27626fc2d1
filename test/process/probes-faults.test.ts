import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type FaultServer, startFaultServer } from '../faults/support/fault-server.ts';
import { withClient } from '../support/admin.ts';
import { eventually } from '../support/eventually.ts';
import { startProbes, startWatchedWorker, type WatchedScene } from './watched-worker.ts';

let server: FaultServer;
let uri: string;
let scene: WatchedScene;
beforeAll(async () => {
  server = await startFaultServer();
  ({ uri } = await server.createDatabase());
  scene = await startWatchedWorker(uri);
});
afterAll(async () => {
  await scene?.[Symbol.asyncDispose]();
  await server?.[Symbol.asyncDispose]();
});

const untilReady = () => eventually(async () => expect(await scene.failedChecks()).toEqual([]), { timeoutMs: 20_000 });

/** Within five seconds the database is named, while the process stays alive. */
async function untilNamed(check: string): Promise<void> {
  const startedMs = performance.now();
  await eventually(async () => expect(await scene.failedChecks()).toContain(check));
  expect(performance.now() - startedMs).toBeLessThan(5_000);
  expect(await scene.get('/livez')).toMatchObject({ status: 200 });
}

/** Sends a signal to the server's main process and all its children. */
function signalServer(signal: 'SIGSTOP' | 'SIGCONT'): void {
  const [pid = ''] = readFileSync(join(server.folder, 'postgres', 'data', 'postmaster.pid'), 'utf8').split('\n');
  const children = execFileSync('ps', ['-o', 'pid=', '--ppid', pid], { encoding: 'utf8' }).trim().split(/\s+/);
  for (const each of [pid, ...children]) process.kill(Number(each), signal);
}

test('a process that has opened nothing yet is alive, and says that it is starting', async () => {
  const probes = await startProbes();
  expect(await probes.failedChecks()).toEqual(['starting']);
  expect(await probes.get('/livez')).toMatchObject({ status: 200 });
  await probes.stop();
});

test('a worker at work is ready', untilReady);

test('a server that is down makes the worker unready within seconds, never dead nor silent, and it comes back by itself', async () => {
  await untilReady();
  await server.stop('fast');
  await untilNamed('database');
  await untilNamed('heartbeat');
  expect(await scene.get('/metrics')).toMatchObject({ status: 200 });
  await server.start();
  await untilReady();
});

test('so does a server that hangs', async () => {
  await untilReady();
  signalServer('SIGSTOP');
  try {
    await untilNamed('database');
  } finally {
    signalServer('SIGCONT');
  }
  await untilReady();
});

test('a schema that is gone is named, and not the database', async () => {
  await untilReady();
  await withClient(uri, (admin) =>
    admin.query('update lamplighter.migration set schema_version = schema_version + 100'),
  );
  await untilNamed('schema version');
  expect(await scene.failedChecks()).not.toContain('database');
  await withClient(uri, (admin) =>
    admin.query('update lamplighter.migration set schema_version = schema_version - 100'),
  );
  await untilReady();
});

test('a worker that hears no notification is ready, and says that it polls', async () => {
  await untilReady();
  const { degradedChecks } = scene;
  const database = new URL(uri).pathname.slice(1);
  const allow = (isAllowed: boolean) =>
    withClient(server.uri, (admin) => admin.query(`alter database ${database} allow_connections ${isAllowed}`));
  await allow(false);
  try {
    await withClient(server.uri, (admin) =>
      admin.query(`select pg_terminate_backend(pid) from pg_stat_activity where datname = $1 and query ~* '^listen'`, [
        database,
      ]),
    );
    await eventually(async () => expect(await degradedChecks()).toEqual(['LISTEN']));
    expect(await scene.failedChecks()).toEqual([]);
  } finally {
    await allow(true);
  }
  await eventually(async () => expect(await degradedChecks()).toEqual([]), { timeoutMs: 20_000 });
});

test('a worker that drains is alive and not ready', async () => {
  await untilReady();
  await withClient(uri, (admin) => admin.query(`select steadytext_generate_async('!sleep:3000')`));
  await eventually(() => expect(scene.worker.vitals.inFlight()).toBe(1));
  const stopped = scene.worker.stop();
  expect(await scene.failedChecks()).toContain('draining');
  expect(await scene.get('/livez')).toMatchObject({ status: 200 });
  await stopped;
});
