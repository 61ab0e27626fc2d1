import { afterAll, beforeAll, expect, test } from 'vitest';
import { createWorker } from '../../src/worker/create-worker.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { runCli, startCli } from './run-cli.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
  await db.pool.query("select steadytext_generate_async('waits')");
});
afterAll(() => db[Symbol.asyncDispose]());

test('status shows queues and workers, for people and as JSON', async () => {
  const worker = await createWorker({ uri: db.uri });
  try {
    const { code, stdout } = await runCli(['status', '--uri', db.uri]);
    expect(stdout).toMatch(/^Requests in .*\n +function +model +pending .*\n +generate +default +1 /m);
    expect(stdout).toMatch(/Workers\n.*\n.* running .*embed,rerank/);
    expect(code).toBe(0);
    const json = JSON.parse((await runCli(['status', '--json', '--uri', db.uri])).stdout);
    expect(json).toMatchObject({
      requests: [{ functionName: 'generate', pending: { count: 1, isExact: true } }],
      workers: [{ workerId: worker.workerId, status: 'running' }],
    });
  } finally {
    await worker.stop();
  }
});

test('status --watch goes on until Ctrl-C', async () => {
  await using watch = startCli(['status', '--watch', '--json', '--uri', db.uri]);
  await eventually(() => expect(watch.stdout().match(/^\{.*\}$/gm)?.length).toBeGreaterThanOrEqual(2));
  watch.kill('SIGINT');
  expect((await watch.exited).code).toBe(130);
});

test('doctor finds nothing broken, changes nothing, and shows where each setting comes from', async () => {
  await db.pool.query("select lamplighter.set('worker_concurrency', '9')");
  const { code, stdout } = await runCli(['doctor', '--uri', db.uri], { env: { LAMPLIGHTER_POLL_INTERVAL: '3s' } });
  expect(stdout).toMatch(/^ok +connection .* \(from --uri\), direct/m);
  expect(stdout).toMatch(/^ok +listening +notifications arrive$/m);
  expect(stdout).toMatch(/^note +loopback +dblink is not installed.*\n +fix: .*CREATE EXTENSION dblink/m);
  expect(stdout).toMatch(/^warning +workers +none runs, and requests wait: 1 generate/m);
  expect(stdout).toMatch(/^ +concurrency +9 +lamplighter\.set$/m);
  expect(stdout).toMatch(/^ +poll-interval +3s +LAMPLIGHTER_POLL_INTERVAL$/m);
  expect(stdout).toMatch(/^ +max_queue_size +10000 +default$/m);
  expect(code).toBe(0);
});

test('doctor tries the loopback connection and says how to fix a broken one', async () => {
  await using other = await createTestDatabase();
  await other.pool.query('create extension dblink');
  await other.pool.query("insert into lamplighter.loopback (dsn) values ('host=127.0.0.1 port=1 password=geheim')");
  const { code, stdout } = await runCli(['doctor', '--uri', other.uri]);
  expect(stdout).toMatch(
    /^broken +loopback +the connection does not work: .*\n +fix: LAMPLIGHTER_LOOPBACK="\$\(cat loopback.dsn\)" lamplighter migrate/m,
  );
  expect(stdout).not.toContain('geheim');
  expect(code).toBe(1);
});

test('doctor tells a role without rights what it lacks', async () => {
  const role = await db.createRole('lamp');
  const { code, stdout } = await runCli(['doctor', '--uri', role.uri]);
  expect(stdout).toMatch(/^broken +rights .* may neither queue requests nor run workers\n +fix: .*--grant/m);
  expect(code).toBe(1);
});

test('doctor finds nothing wrong with a role that sees figures alone', async () => {
  const role = await db.createRole('monitor');
  await db.pool.query('select lamplighter.grant_monitor($1)', [role.name]);
  const { code, stdout } = await runCli(['doctor', 'rights', '--uri', role.uri]);
  expect(stdout).toMatch(/^ok +rights .* may see the figures of all roles$/m);
  expect(code).toBe(0);
});

test('a role that sees figures alone is told of a pause', async () => {
  await using other = await createTestDatabase();
  const role = await other.createRole('monitor');
  await other.pool.query('select lamplighter.grant_monitor($1)', [role.name]);
  await other.pool.query(`select steadytext_pause('rerank')`);
  const { stdout: status } = await runCli(['status', '--uri', role.uri]);
  expect(status).toMatch(/^ *rerank +\S.* +postgres +SELECT steadytext_resume\('rerank'\)$/m);
  const { stdout: doctor } = await runCli(['doctor', 'pauses', '--uri', role.uri]);
  expect(doctor).toContain('rerank has been paused by postgres since ');
});

test('doctor names functions that were dropped or are not those of the program', async () => {
  await using other = await createTestDatabase();
  await other.pool.query(`drop function public.steadytext_retry(uuid);
    update lamplighter.routine set checksum = 'another' where name = 'steadytext_prune'`);
  const { code, stdout } = await runCli(['doctor', '--uri', other.uri]);
  expect(stdout).toMatch(
    /^broken +functions +dropped, .*: public\.steadytext_retry, public\.steadytext_prune\n +fix: .*lamplighter migrate$/m,
  );
  expect(code).toBe(1);
  expect((await runCli(['migrate', '--uri', other.uri])).code).toBe(0);
  expect((await runCli(['doctor', '--uri', other.uri])).stdout).toMatch(/^ok +functions +as this program ships them$/m);
});

test('doctor says that the schema is missing', async () => {
  await using empty = await createTestDatabase({ migrated: false });
  const { code, stdout } = await runCli(['doctor', '--uri', empty.uri]);
  expect(stdout).toMatch(/^broken +schema .*not installed.*\n +fix: Run: lamplighter migrate$/m);
  expect(code).toBe(1);
});
