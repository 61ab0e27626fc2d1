import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
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
const b = () => stage.cast.sessions.b;
const owner = () => stage.cast.sessions.owner;
const admin = () => stage.cast.database.pool;

async function ended(status = 'failed'): Promise<string> {
  const jobid = await stage.queue(a(), 'select 1');
  await worker.finish(await worker.claimOne(), status, { error: 'no' });
  return jobid;
}

const project = async () =>
  (await stage.cast.sessions.worker.query<{ count: number }>('select lamplighter.project_tasks(100) as count')).rows[0]
    ?.count;
const rowsOf = async (table: string) => (await admin().query(`select from ${table}`)).rowCount;

test('the end is announced with the commit that writes it, and says nothing of the text', async () => {
  const listener = await stage.open(stage.cast.logins.b.uri);
  const heard: string[] = [];
  listener.on('notification', ({ payload = '' }) => heard.push(payload));
  await listener.query('listen lantern_tasks');
  const failed = await ended();
  const canceled = await stage.queue(a(), 'select 1');
  await a().query('select lantern.cancel_async_task($1)', [canceled]);
  await expect
    .poll(() => heard)
    .toEqual([`{"jobid": ${failed}, "status": "failed"}`, `{"jobid": ${canceled}, "status": "canceled"}`]);
});

test.each([
  ['the table', 'lock table lantern.tasks in access exclusive mode'],
  ['the row', 'delete from lantern.tasks'],
])('while somebody has %s locked the end is in the view, and comes into the table afterwards', async (what, lock) => {
  const listener = await stage.open(stage.cast.logins.b.uri);
  const heard: string[] = [];
  listener.on('notification', ({ payload = '' }) => heard.push(payload));
  await listener.query('listen lantern_tasks');
  const jobid = await stage.queue(a(), 'select 1');
  const task = await worker.claimOne();
  const locker = what === 'the table' ? b() : owner();
  const session = await stage.open(stage.cast.database.uri);
  await (what === 'the table' ? locker : session).query(
    what === 'the table' ? `begin; ${lock}` : 'begin; select from lantern.tasks for update',
  );
  expect(await worker.finish(task, 'failed', { error: 'no' })).toBe('failed');
  expect(await stage.status(jobid)).toMatchObject({ state: 'failed' });
  expect(await project()).toBe(0);
  expect(heard).toEqual([]);
  await (what === 'the table' ? locker : session).query('rollback');
  expect(await project()).toBe(1);
  expect(await stage.task(jobid)).toMatchObject({ status: 'failed', error_message: 'no' });
  const { rows } = await admin().query(
    'select t.duration = r.finished_at - t.started_at as is_same from lantern.tasks as t join lamplighter.task_run as r using (jobid)',
  );
  expect(rows).toEqual([{ is_same: true }]);
  await expect.poll(() => heard).toEqual([`{"jobid": ${jobid}, "status": "failed"}`]);
  expect(await project()).toBe(0);
});

test.each([
  ['raises', `begin raise exception 'not now'; end`, 'not now'],
  ['leaves the row as it is', 'begin return null; end', 'a trigger leaves the row as it is'],
])(
  "a task ends though a trigger of the owner's %s; the view says why, and the end comes later",
  async (_, body, why) => {
    await owner().query(
      `create function public.refuse() returns trigger language plpgsql as $$ ${body} $$;
     create trigger refuse before update on lantern.tasks for each row execute function public.refuse()`,
    );
    const jobid = await ended();
    const end = { state: 'failed', reason: `lantern.tasks does not take its end: ${why}` };
    expect(await stage.status(jobid)).toMatchObject(end);
    expect(await project()).toBe(0);
    await owner().query('drop function public.refuse cascade');
    expect(await project()).toBe(1);
    expect(await stage.task(jobid)).toMatchObject({ status: 'failed' });
    expect(await stage.status(jobid)).toMatchObject({ state: 'failed', reason: null });
  },
);

test('a role deletes its own tasks that have ended, and no others; what the engine keeps goes along', async () => {
  const done = await ended();
  const open = await stage.queue(a(), 'select 2');
  await stage.queue(b(), 'select 3');
  const { rows } = await a().query<{ jobid: string }>('delete from lantern.tasks returning jobid');
  expect(rows.map(({ jobid }) => jobid)).toEqual([done]);
  expect((await a().query('select from lantern.tasks')).rowCount).toBe(1);
  expect(await stage.status(open)).toMatchObject({ state: 'queued' });
  await expect(stage.status(done)).rejects.toThrow('no row');
  expect(await rowsOf('lamplighter.task_run')).toBe(2);
});

test('what the owner deletes unfinished is cancelled, and goes when it has ended', async () => {
  const queued = await stage.queue(a(), 'select 1');
  const running = await stage.queue(b(), 'select 1');
  const [task] = await worker.claim(1, [stage.cast.names.a]);
  await owner().query('delete from lantern.tasks');
  await expect(stage.status(queued)).rejects.toThrow('no row');
  await expect(stage.status(running)).rejects.toThrow('no row');
  expect(await worker.listCancels()).toEqual([task?.run_id]);
  expect(task && (await worker.finish(task, 'failed'))).toBe('canceled');
  for (const table of ['task_run', 'task_cancel', 'task_outcome']) expect(await rowsOf(`lamplighter.${table}`)).toBe(0);
});

test('a jobid that is handed out again after TRUNCATE is another task', async () => {
  await stage.queue(a(), 'select 1');
  const before = await worker.claimOne();
  await owner().query('truncate lantern.tasks restart identity');
  let again = await stage.queue(a(), 'select 2');
  while (again !== before.jobid) again = await stage.queue(a(), 'select 2');
  expect(await worker.finish(before, 'failed', { error: 'no' })).toBe('canceled');
  expect(await stage.task(again)).toMatchObject({ status: null });
  expect(await stage.status(again)).toMatchObject({ state: 'queued' });
});

test('TRUNCATE empties everything that has ended or is queued', async () => {
  await ended();
  await stage.queue(a(), 'select 1');
  await owner().query('truncate lantern.tasks');
  for (const table of ['task_run', 'task_cancel', 'task_outcome']) expect(await rowsOf(`lamplighter.${table}`)).toBe(0);
});

test('only the owner can truncate, whatever somebody granted', async () => {
  await admin().query(`grant truncate on lantern.tasks to ${stage.cast.names.a}`);
  expect(await sqlErrorOf(a(), 'truncate lantern.tasks')).toMatchObject({
    code: '42501',
    message: 'Only the owner of lantern.tasks can truncate it',
  });
  await admin().query(`revoke truncate on lantern.tasks from ${stage.cast.names.a}`);
});

test('pruning deletes what ended long ago, as far as nobody has it locked', async () => {
  const old = await ended();
  const locked = await ended();
  const recent = await ended();
  await stage.queue(a(), 'select 1');
  await admin().query(
    `update lamplighter.task_run set finished_at = now() - interval '2 days' where jobid in ($1, $2)`,
    [old, locked],
  );
  const prune = async () =>
    (await stage.cast.sessions.worker.query<{ count: number }>(`select lamplighter.prune_tasks('1 day') as count`))
      .rows[0]?.count;
  const session = await stage.open(stage.cast.database.uri);
  await session.query('begin');
  await session.query('select from lantern.tasks where jobid = $1 for update', [locked]);
  expect(await prune()).toBe(1);
  await session.query('rollback');
  await b().query('begin; lock table lantern.tasks in access exclusive mode');
  expect(await prune()).toBe(0);
  await b().query('rollback');
  expect(await prune()).toBe(1);
  expect(await prune()).toBe(0);
  expect(await stage.task(recent)).toMatchObject({ status: 'failed' });
  expect(await rowsOf('lamplighter.task_run')).toBe(2);
});

test('pruning goes on behind rows that stay locked, however many these are', async () => {
  const jobids = [];
  for (let n = 0; n < 7; n += 1) jobids.push(await ended());
  // By whoever deletes them in a transaction that stays open.
  await a().query('begin');
  await a().query('delete from lantern.tasks where jobid = any ($1)', [jobids.slice(0, 5)]);
  const { rows } = await stage.cast.sessions.worker.query(`select lamplighter.prune_tasks('0', 2) as count`);
  await a().query('rollback');
  expect(rows).toEqual([{ count: 2 }]);
  expect((await admin().query('select jobid::text from lantern.tasks order by jobid')).rows).toEqual(
    jobids.slice(0, 5).map((jobid) => ({ jobid })),
  );
});

test('ends come into the table behind rows that stay locked, however many these are', async () => {
  for (let n = 0; n < 30; n += 1) await stage.queue(a(), 'select 1');
  const last = await stage.queue(a(), 'select 1');
  const tasks = await worker.claim(31);
  const session = await stage.open(stage.cast.database.uri);
  await session.query('begin; select from lantern.tasks for update');
  for (const task of tasks) await worker.finish(task, 'failed', { error: 'no' });
  await session.query('rollback');
  await session.query('begin');
  await session.query('select from lantern.tasks where jobid <> $1 for update', [last]);
  const { rows } = await stage.cast.sessions.worker.query('select lamplighter.project_tasks(5) as count');
  await session.query('rollback');
  expect(rows).toEqual([{ count: 1 }]);
  expect(await stage.task(last)).toMatchObject({ status: 'failed' });
});
