import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { sqlErrorOf } from '../support/sql-error.ts';
import { createStage, type SqlTaskWorker, type Stage } from './sql-stage.ts';

let stage: Stage;
let worker: SqlTaskWorker;
beforeAll(async () => {
  stage = await createStage();
});
afterAll(() => stage[Symbol.asyncDispose]());
beforeEach(async () => {
  await stage.clear();
  worker = await stage.startWorker();
});

const a = () => stage.cast.sessions.a;
const uriOfA = () => stage.cast.logins.a.uri;
const admin = () => stage.cast.database.pool;

async function claimed(query = 'select 1') {
  const jobid = await stage.queue(a(), query);
  return { jobid, task: await worker.claimOne() };
}

test('a task whose outcome was committed with its effects ends succeeded, and the verdict of a worker that saw less does not count', async () => {
  const { jobid, task } = await claimed();
  const session = await worker.open(task, uriOfA());
  await session.begin();
  await session.client.query('create temp table made_by_task (x int)');
  await session.client.query('commit');
  expect(await worker.finish(task, 'failed', { error: 'connection lost', tag: 'CREATE TABLE', rows: 3 })).toBe(
    'succeeded',
  );
  expect(await stage.task(jobid)).toMatchObject({
    status: 'succeeded',
    duration: expect.anything(),
    error_message: null,
  });
  expect(await stage.status(jobid)).toMatchObject({
    state: 'succeeded',
    guarantee: 'exactly once',
    command_tag: 'CREATE TABLE',
    row_count: '3',
    attempt: 1,
    worker: worker.workerId,
    backend_pid: null,
    blocked_by: null,
  });
});

test('a task whose transaction did not commit cannot be said to have succeeded', async () => {
  const { jobid, task } = await claimed();
  const session = await worker.open(task, uriOfA());
  await session.begin();
  await session.client.query('rollback');
  expect(await worker.finish(task, 'succeeded')).toBe('failed');
  expect(await stage.task(jobid)).toMatchObject({
    status: 'failed',
    error_message: 'the transaction of the text was not committed',
  });
});

test('a text that ran bare has the verdict that was seen', async () => {
  const { jobid, task } = await claimed('vacuum');
  const session = await worker.open(task, uriOfA());
  expect(await session.markBare()).toBe(true);
  expect(await stage.status(jobid)).toMatchObject({ state: 'running', guarantee: 'at most once' });
  expect(await worker.finish(task, 'succeeded', { tag: 'VACUUM' })).toBe('succeeded');
  expect(await stage.status(jobid)).toMatchObject({
    state: 'succeeded',
    guarantee: 'at most once',
    command_tag: 'VACUUM',
  });
});

test('the end keeps neither text nor secret nor key, and leaves no outcome and no cancel behind', async () => {
  const { task } = await claimed();
  const session = await worker.open(task, uriOfA());
  await session.begin();
  await session.client.query('commit');
  await worker.finish(task, 'succeeded');
  const { rows } = await admin().query('select query, secret_hash, cancel_key from lamplighter.task_run');
  expect(rows).toEqual([{ query: null, secret_hash: null, cancel_key: null }]);
  expect((await admin().query('select from lamplighter.task_outcome')).rowCount).toBe(0);
});

test('an outcome is recorded once: a second session of the same task is told that it was applied', async () => {
  const { task } = await claimed();
  const first = await worker.open(task, uriOfA());
  await first.begin();
  await first.client.query('commit');
  const second = await worker.open(task, uriOfA());
  await expect(second.begin()).rejects.toMatchObject({ code: '23505' });
  expect(await second.markBare().catch(() => 'aborted')).toBe('aborted');
  await second.client.query('rollback');
  expect(await second.markBare()).toBe(false);
});

test('a second session waits for a first that is about to commit, and goes on when that one rolls back', async () => {
  const { task } = await claimed();
  const first = await worker.open(task, uriOfA());
  await first.begin();
  const second = await worker.open(task, uriOfA());
  const recorded = second.begin().then(() => 'recorded');
  await eventually(async () => {
    const waiting = await admin().query('select from pg_locks where pid = $1 and not granted', [second.pid]);
    expect(waiting.rowCount).toBe(1);
  });
  await first.client.query('rollback');
  expect(await recorded).toBe('recorded');
});

test.each([
  'set session characteristics as transaction isolation level repeatable read',
  'set session characteristics as transaction isolation level serializable',
  'set default_transaction_read_only = on',
])('an outcome can be recorded and a bare mark made under: %s', async (setting) => {
  const { task } = await claimed();
  const session = await worker.open(task, uriOfA());
  await session.client.query(setting);
  await session.begin();
  await session.client.query('rollback');
  await session.client.query('begin isolation level read committed read write');
  expect(await session.markBare()).toBe(true);
  await session.client.query('commit');
});

test('two serializable tasks commit side by side, while a worker claims and finishes others', async () => {
  const tasks = [(await claimed()).task, (await claimed()).task];
  const sessions = await Promise.all(tasks.map((task) => worker.open(task, uriOfA())));
  for (const session of sessions) {
    await session.client.query('set session characteristics as transaction isolation level serializable');
    await session.begin();
  }
  const { task: other } = await claimed();
  await worker.finish(other, 'failed');
  for (const session of sessions) await session.client.query('commit');
  for (const task of tasks) expect(await worker.finish(task, 'succeeded')).toBe('succeeded');
});

test('the mark waits for the disk where the role has switched that off', async () => {
  const { task } = await claimed();
  const session = await worker.open(task, uriOfA());
  await session.client.query('set synchronous_commit = off; begin');
  await session.markBare();
  expect((await session.client.query('show synchronous_commit')).rows).toEqual([{ synchronous_commit: 'on' }]);
  await session.client.query('commit');
});

test("an attempt that is no longer the worker's can do nothing: note, record, mark, release, finish", async () => {
  const { jobid, task } = await claimed();
  const session = await worker.open(task, uriOfA());
  await session.kill();
  expect(await eventuallyReleased(task)).toBe('queued');
  const again = await worker.claimOne();
  expect(again).toMatchObject({ jobid, attempt: 2 });

  const zombie = await worker.open(task, uriOfA());
  expect(zombie.isNoted).toBe(false);
  await expect(zombie.begin()).rejects.toMatchObject({ code: 'LL002' });
  await zombie.client.query('rollback');
  expect(await zombie.markBare()).toBe(false);
  expect(await worker.release(task)).toBeNull();
  expect(await worker.finish(task, 'failed')).toBeNull();
  const other = await stage.startWorker();
  expect(await other.finish(again, 'failed')).toBeNull();
  expect(await stage.status(jobid)).toMatchObject({ state: 'running', attempt: 2 });
});

async function eventuallyReleased(task: Parameters<SqlTaskWorker['release']>[0]) {
  for (;;) {
    const status = await worker.release(task);
    if (status !== 'running') return status;
  }
}

test('an attempt is not given up while its backend is there', async () => {
  const { jobid, task } = await claimed();
  const session = await worker.open(task, uriOfA());
  await session.begin();
  expect(await worker.release(task)).toBe('running');
  expect(await stage.status(jobid)).toMatchObject({ state: 'running' });
  await session.client.query('commit');
  await session.kill();
  expect(await eventuallyReleased(task)).toBe('succeeded');
});

test('an unknown status is refused', async () => {
  const { task } = await claimed();
  await expect(worker.finish(task, 'done')).rejects.toMatchObject({ code: '22023' });
});

test("another login's worker cannot be spoken for", async () => {
  const { task } = await claimed();
  const { a: caller } = stage.cast.names;
  await stage.cast.migrateAs(stage.cast.logins.owner, { grantWorker: [caller] });
  expect(
    await sqlErrorOf(a(), 'select lamplighter.finish_task($1, $2, $3, $4, null, null, null)', [
      worker.workerId,
      task.run_id,
      task.attempt,
      'failed',
    ]),
  ).toMatchObject({ code: '42501' });
  for (const call of ['claim_tasks($1, 1)', 'rescue_tasks($1)', 'list_task_cancels($1)', 'set_task_reasons($1, 1)']) {
    expect(await sqlErrorOf(a(), `select lamplighter.${call}`, [worker.workerId])).toMatchObject({ code: '42501' });
  }
  await admin().query(`drop owned by ${caller}`);
  await stage.cast.migrateAs(stage.cast.logins.owner, { grant: [caller] });
});
