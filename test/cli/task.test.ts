import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { startTestWorker, type TestWorker } from '../support/test-worker.ts';
import { untilEnded } from '../tasks/worker-stage.ts';
import { runCli, startCli } from './run-cli.ts';

let db: TestDatabase;
let tested: TestWorker;
beforeAll(async () => {
  db = await createTestDatabase();
  tested = await startTestWorker({ uri: db.uri });
});
afterAll(async () => {
  await tested[Symbol.asyncDispose]();
  await db[Symbol.asyncDispose]();
});

const task = (...args: string[]) => runCli(['task', ...args, '--uri', db.uri]);

test('a task can be run, listed, shown and cancelled', async () => {
  const queued = await task('run', 'select pg_sleep(60)', '--name', 'long', '--json');
  const { jobid } = JSON.parse(queued.stdout) as { jobid: number };
  const listed = await task('list', '--name', 'long', '--json');
  expect(JSON.parse(listed.stdout)).toMatchObject([{ jobid, jobName: 'long' }]);
  const shown = await task('show', String(jobid));
  expect(shown.stdout).toContain(`Task ${jobid}`);
  expect(shown.stdout).toContain('select pg_sleep(60)');
  expect(await task('cancel', String(jobid))).toMatchObject({ code: 0, stdout: `Task ${jobid} is being canceled.\n` });
  expect(await task('cancel', '--name', 'nothing', '--yes')).toMatchObject({
    code: 0,
    stdout: 'No unfinished task matches.\n',
  });
});

test('a wait prints the result, and exits with 1 and the text of psql where it failed', async () => {
  const done = await task('run', '--wait', 'create table made (n int)');
  expect(done).toMatchObject({ code: 0, stdout: expect.stringMatching(/^Succeeded in .*: CREATE TABLE\n$/) });
  const failed = await task('run', '--wait', 'select haha');
  expect(failed.code).toBe(1);
  expect(failed.stderr).toContain('ERROR:  column "haha" does not exist\nLINE 1: select haha\n               ^');
});

test('an interruption leaves the task running where nobody can be asked', async () => {
  const child = startCli(['task', 'run', '--wait', 'select pg_sleep(60)', '--uri', db.uri]);
  await child.waitForLine(/running/);
  child.kill('SIGINT');
  expect(await child.exited).toMatchObject({ code: 130 });
  expect(child.stderr()).toMatch(/Task \d+ goes on\. To stop it: lamplighter task cancel \d+/);
  await db.pool.query('select lantern.cancel_all_async_tasks()');
});

test('doctor says why tasks wait', async () => {
  await using idle = await createTestDatabase();
  await idle.pool.query(`select lantern.async_task('select 1')`);
  const { stdout } = await runCli(['doctor', '--uri', idle.uri]);
  expect(stdout).toMatch(/^warning +tasks +1 waits: no worker runs tasks$/m);
});

test('a role that was granted nothing is told by every command what would grant it', async () => {
  const { uri } = await db.createRole('stranger');
  for (const args of [['run', 'select 1'], ['list'], ['show', '1'], ['cancel', '1'], ['retry', '1']]) {
    const { code, stderr } = await runCli(['task', ...args, '--uri', uri]);
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^error: permission denied for schema (lantern|lamplighter)\nhint: The owner of the schema can run: lamplighter migrate --grant ROLE\.\n$/,
    );
  }
});

test('what has ended cannot be cancelled, and the command says so', async () => {
  const { jobid } = JSON.parse((await task('run', '--wait', '--json', 'select 1')).stdout) as { jobid: number };
  expect(await task('cancel', String(jobid), '123456')).toMatchObject({
    code: 1,
    stdout:
      `Task ${jobid} was not canceled: it has ended.\n` +
      'Task 123456 was not canceled: it is not there, or not to be seen.\n',
  });
});

test('all that match are cancelled once somebody has said yes, however many they are, and the audit tells', async () => {
  await using idle = await createTestDatabase();
  await idle.pool.query(`select lantern.async_task('select 1', 'many') from generate_series(1, 1200)`);
  const cancel = (...args: string[]) => runCli(['task', 'cancel', '--name', 'many', ...args, '--uri', idle.uri]);
  const asked = await cancel();
  expect(asked).toMatchObject({ code: 2, stderr: expect.stringContaining('--yes to cancel all that match: 1200') });
  expect(await cancel('--yes')).toMatchObject({ code: 0, stdout: 'Tasks that are being canceled: 1200\n' });
  expect((await idle.pool.query(`select distinct state from lantern.task_status`)).rows).toEqual([
    { state: 'canceled' },
  ]);
  const audit = await runCli(['audit', '--json', '--uri', idle.uri]);
  expect(JSON.parse(audit.stdout)).toMatchObject([
    { action: 'cancel', kind: 'tasks', source: 'command line', filter: { name: 'many' }, count: 1200 },
  ]);
});

test('a task that failed is run once more, with the search_path of the first, and the audit tells', async () => {
  await db.pool.query(`create schema "Other"; create table "Other".here (n int check (n < 1))`);
  const { rows } = await db.pool.query<{ jobid: string }>(
    `select set_config('search_path', '"Other"', true), lantern.async_task('insert into here values (1)', 'again') as jobid`,
  );
  const jobid = rows[0]?.jobid ?? '';
  const ended = (id: string) => untilEnded(db.pool, id);
  expect(await ended(jobid)).toMatchObject({ status: 'failed' });
  await db.pool.query('alter table "Other".here drop constraint here_n_check');
  const retried = await task('retry', jobid, '123456', '--json');
  expect(retried).toMatchObject({ code: 1 });
  const [first, second] = JSON.parse(retried.stdout) as { jobid: number; newJobid?: number }[];
  expect(second).toEqual({ jobid: 123_456 });
  expect(await ended(String(first?.newJobid))).toMatchObject({ status: 'succeeded', job_name: 'again' });
  expect((await task('retry', String(first?.newJobid))).stdout).toContain('was not retried: it has not failed');
  const audit = await runCli(['audit', '--json', '--uri', db.uri]);
  expect(JSON.parse(audit.stdout)).toContainEqual(
    expect.objectContaining({ action: 'retry', kind: 'tasks', filter: { ids: [jobid, '123456'] }, count: 1 }),
  );
});

test('a text is read from a file as psql reads it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'lamplighter-test-'));
  const file = join(folder, 'text.sql');
  writeFileSync(file, '\uFEFFselect 1');
  expect(await task('run', '--wait', '--file', file)).toMatchObject({ code: 0 });
  writeFileSync(file, Buffer.from("select '\xe9'", 'latin1'));
  expect(await task('run', '--file', file)).toMatchObject({
    code: 2,
    stderr: 'error: --file: expected a text in UTF-8, got bytes that are none\n',
  });
  rmSync(folder, { recursive: true });
});

test('bad usage is told', async () => {
  expect(await task('run')).toMatchObject({ code: 2 });
  expect(await task('cancel')).toMatchObject({ code: 2 });
  expect((await task('list', '--status', 'succeded')).stderr).toContain('did you mean "succeeded"');
  expect(await task('show', '12345')).toMatchObject({ code: 1 });
});
