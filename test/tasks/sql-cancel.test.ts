import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
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
const b = () => stage.cast.sessions.b;
const owner = () => stage.cast.sessions.owner;
const uriOfA = () => stage.cast.logins.a.uri;
const admin = () => stage.cast.database.pool;

const cancel = async (session: ReturnType<typeof a>, jobid: string) =>
  (await session.query<{ answer: boolean }>('select lantern.cancel_async_task($1) as answer', [jobid])).rows[0]?.answer;
const cancelAll = async (session: ReturnType<typeof a>) =>
  (await session.query<{ count: string }>('select lantern.cancel_all_async_tasks() as count')).rows[0]?.count;

test('a queued task ends canceled at once and is never claimed', async () => {
  const jobid = await stage.queue(a(), 'select 1');
  expect(await cancel(a(), jobid)).toBe(true);
  expect(await stage.task(jobid)).toMatchObject({
    status: 'canceled',
    error_message: 'Canceled by user',
    duration: expect.anything(),
  });
  expect(await worker.claim()).toEqual([]);
  expect(await cancel(a(), jobid)).toBe(false);
});

test('a cancel that is rolled back has not happened', async () => {
  const jobid = await stage.queue(a(), 'select 1');
  await a().query('begin');
  expect(await cancel(a(), jobid)).toBe(true);
  expect((await a().query('select status from lantern.tasks where jobid = $1', [jobid])).rows[0]?.status).toBe(
    'canceled',
  );
  await a().query('rollback');
  expect((await worker.claim()).map((task) => task.jobid)).toEqual([jobid]);
});

test('whoever runs a running task is told at the commit, by notification and on asking', async () => {
  const jobid = await stage.queue(a(), 'select 1');
  const task = await worker.claimOne();
  const listener = await stage.open(stage.cast.database.uri);
  const heard: string[] = [];
  listener.on('notification', ({ payload = '' }) => heard.push(payload));
  await listener.query('listen lamplighter_task_cancel');
  await a().query('begin');
  expect(await cancel(a(), jobid)).toBe(true);
  expect(await worker.listCancels()).toEqual([]);
  await a().query('commit');
  await expect.poll(() => heard).toEqual([task.run_id]);
  expect(await worker.listCancels()).toEqual([task.run_id]);
  expect(await stage.status(jobid)).toMatchObject({ state: 'running', reason: 'cancel requested' });
  expect(await worker.finish(task, 'failed', { error: 'ERROR:  canceling statement due to user request\n' })).toBe(
    'canceled',
  );
  expect(await stage.task(jobid)).toMatchObject({ status: 'canceled', error_message: 'Canceled by user' });
  expect(await worker.listCancels()).toEqual([]);
});

test('an open transaction with a cancel in it holds up no end of a running task', async () => {
  const jobid = await stage.queue(a(), 'select 1');
  const task = await worker.claimOne();
  const session = await worker.open(task, uriOfA());
  await a().query('begin');
  expect(await cancel(a(), jobid)).toBe(true);
  await session.begin();
  await session.client.query('commit');
  expect(await worker.finish(task, 'succeeded')).toBe('succeeded');
  await a().query('commit');
  expect(await stage.task(jobid)).toMatchObject({ status: 'succeeded', error_message: null });
});

test('what was committed before the cancel took effect stays succeeded, and what was not never does', async () => {
  const faster = await stage.queue(a(), 'select 1');
  const task = await worker.claimOne();
  const session = await worker.open(task, uriOfA());
  await session.begin();
  await session.client.query('commit');
  expect(await cancel(a(), faster)).toBe(true);
  expect(await worker.finish(task, 'canceled')).toBe('succeeded');

  const slower = await stage.queue(a(), 'select 1');
  const other = await worker.claimOne();
  const open = await worker.open(other, uriOfA());
  await open.begin();
  expect(await cancel(a(), slower)).toBe(true);
  await open.client.query('rollback');
  expect(await worker.finish(other, 'failed', { error: 'x' })).toBe('canceled');
});

test('a task that was cancelled before its session was noted, or before it was marked bare, does not run', async () => {
  const first = await stage.queue(a(), 'select 1');
  const task = await worker.claimOne();
  await cancel(a(), first);
  expect((await worker.open(task, uriOfA())).isNoted).toBe(false);
  expect(await worker.release(task)).toBe('canceled');

  const second = await stage.queue(a(), 'vacuum');
  const bare = await worker.claimOne();
  const session = await worker.open(bare, uriOfA());
  await cancel(a(), second);
  expect(await session.markBare()).toBe(false);
  expect(await worker.finish(bare, 'canceled')).toBe('canceled');
});

test('a bare text that succeeded before it could be cancelled is succeeded', async () => {
  const jobid = await stage.queue(a(), 'vacuum');
  const task = await worker.claimOne();
  const session = await worker.open(task, uriOfA());
  await session.markBare();
  await cancel(a(), jobid);
  expect(await worker.finish(task, 'succeeded')).toBe('succeeded');
});

test('a cancel that commits after the task went back to the queue is heeded by the next claim', async () => {
  const jobid = await stage.queue(a(), 'select 1');
  const task = await worker.claimOne();
  await a().query('begin');
  await cancel(a(), jobid);
  expect(await worker.release(task)).toBe('queued');
  await a().query('commit');
  expect(await worker.claim()).toEqual([]);
  expect(await stage.task(jobid)).toMatchObject({ status: 'canceled' });
});

test('nobody cancels the task of another role, by whatever way; the owner may', async () => {
  const jobid = await stage.queue(a(), 'select 1');
  const { rows } = await admin().query<{ run_id: string }>('select run_id from lamplighter.task_run');
  expect(await cancel(b(), jobid)).toBe(false);
  await expect(
    b().query('insert into lamplighter.task_cancel (run_id) values ($1)', [rows[0]?.run_id]),
  ).rejects.toMatchObject({ code: '42501' });
  expect((await b().query('select from lamplighter.task_run')).rowCount).toBe(0);
  expect(await stage.task(jobid)).toMatchObject({ status: null });
  expect(await cancel(owner(), jobid)).toBe(true);
  expect(await stage.task(jobid)).toMatchObject({ status: 'canceled' });
});

test("cancel_all cancels what the caller has unfinished and tells how many; the owner's leaves others' tasks alone", async () => {
  await stage.queue(a(), '1');
  const running = await worker.claimOne();
  await stage.queue(a(), '2');
  await stage.queue(a(), '3');
  const other = await stage.queue(b(), '4');
  expect(await cancelAll(owner())).toBe('0');
  expect(await cancelAll(a())).toBe('3');
  expect(await worker.listCancels()).toEqual([running.run_id]);
  const { rows } = await admin().query('select status, count(*)::int from lantern.tasks group by 1 order by 1');
  expect(rows).toEqual([
    { status: 'canceled', count: 2 },
    { status: null, count: 2 },
  ]);
  expect(await stage.task(other)).toMatchObject({ status: null });
  expect(await cancelAll(stage.cast.sessions.stranger).catch((error) => error.code)).toBe('42501');
});

test('two sessions that cancel the same tasks at once do not deadlock', async () => {
  for (let i = 0; i < 5; i += 1) {
    await a().query(`insert into lantern.tasks (query) select 'select 1' from generate_series(1, 200)`);
    const counts = await Promise.all([cancelAll(a()), cancelAll(stage.cast.sessions.asA)]);
    expect(counts.map(Number).every((count) => count >= 0)).toBe(true);
    expect((await admin().query('select from lantern.tasks where status is null')).rowCount).toBe(0);
  }
});

test('a cancel that is committed after the end changes nothing and does not stay', async () => {
  const jobid = await stage.queue(a(), 'select 1');
  const task = await worker.claimOne();
  await a().query('begin');
  expect(await cancel(a(), jobid)).toBe(true);
  expect(await worker.finish(task, 'failed', { error: 'ERROR:  x\n' })).toBe('failed');
  await a().query('commit');
  const unfinished = await stage.queue(a(), 'select 2');
  await worker.claimOne();
  await cancel(a(), unfinished);
  await stage.cast.sessions.worker.query('select lamplighter.settle_stray_tasks()');
  const { rows } = await admin().query(
    'select r.jobid from lamplighter.task_cancel as c left join lamplighter.task_run as r using (run_id)',
  );
  expect(rows).toEqual([{ jobid: unfinished }]);
  expect(await stage.task(jobid)).toMatchObject({ status: 'failed', error_message: 'ERROR:  x\n' });
});
