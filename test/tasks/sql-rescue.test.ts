import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { type ClaimedTask, createStage, type LostTask, type SqlTaskWorker, type Stage } from './sql-stage.ts';

let stage: Stage;
let worker: SqlTaskWorker;
let other: SqlTaskWorker;
beforeAll(async () => {
  stage = await createStage();
});
afterAll(() => stage[Symbol.asyncDispose]());
beforeEach(async () => {
  await stage.clear();
  worker = await stage.startWorker();
  other = await stage.startWorker();
});

const a = () => stage.cast.sessions.a;
const uriOfA = () => stage.cast.logins.a.uri;
const admin = () => stage.cast.database.pool;

async function claimed(query = 'select 1') {
  const jobid = await stage.queue(a(), query);
  return { jobid, task: await worker.claimOne() };
}

/** What another worker makes of the tasks once the first is dead and their backends are gone. */
async function rescued(): Promise<LostTask[]> {
  await worker.die();
  return eventually(async () => {
    const lost = await other.rescue();
    expect(lost.some(({ is_alive }) => is_alive)).toBe(false);
    expect(lost).not.toEqual([]);
    return lost;
  });
}

test('what a living worker holds is left alone', async () => {
  await claimed();
  expect(await other.rescue()).toEqual([]);
});

test('lost before its session was noted: it is queued again, and nothing is charged', async () => {
  const { jobid, task } = await claimed();
  expect(await rescued()).toMatchObject([{ run_id: task.run_id, jobid, status: 'queued', is_alive: false, pid: null }]);
  expect(await chargeOf(jobid)).toBe(0);
  expect(await other.claimOne()).toMatchObject({ jobid, attempt: 2 });
});

test('lost before the outcome was recorded, or in the middle of the text: it is queued again and charged', async () => {
  const { jobid, task } = await claimed();
  const session = await worker.open(task, uriOfA());
  await session.begin();
  await session.kill();
  expect(await rescued()).toMatchObject([{ jobid, status: 'queued' }]);
  expect(await chargeOf(jobid)).toBe(1);
});

test('lost after the commit: it is succeeded', async () => {
  const { jobid, task } = await claimed();
  const session = await worker.open(task, uriOfA());
  await session.begin();
  await session.client.query('commit');
  await session.kill();
  expect(await rescued()).toMatchObject([{ jobid, status: 'succeeded' }]);
  expect(await stage.task(jobid)).toMatchObject({ status: 'succeeded' });
});

test('lost while it ran bare: it is failed and never run again', async () => {
  const { jobid, task } = await claimed('vacuum');
  const session = await worker.open(task, uriOfA());
  await session.markBare();
  await session.kill();
  expect(await rescued()).toMatchObject([{ jobid, status: 'failed' }]);
  expect(await stage.task(jobid)).toMatchObject({
    status: 'failed',
    error_message: 'worker lost while running a statement that cannot be retried',
  });
});

test('lost before the mark was committed: it is queued again', async () => {
  const { jobid, task } = await claimed('vacuum');
  const session = await worker.open(task, uriOfA());
  await session.client.query('begin');
  await session.markBare();
  await session.kill();
  expect(await rescued()).toMatchObject([{ jobid, status: 'queued' }]);
});

test('lost when somebody wanted it cancelled: it is canceled, wrapped or bare', async () => {
  const first = await claimed();
  const second = await claimed('vacuum');
  for (const [index, { task, jobid }] of [first, second].entries()) {
    const session = await worker.open(task, uriOfA());
    if (index === 1) await session.markBare();
    await a().query('select lantern.cancel_async_task($1)', [jobid]);
    await session.kill();
  }
  expect(await rescued()).toMatchObject([{ status: 'canceled' }, { status: 'canceled' }]);
});

test('there is no rerun and no verdict while the backend is there; who can is told how to end it', async () => {
  const { jobid, task } = await claimed();
  const session = await worker.open(task, uriOfA());
  await session.begin();
  await a().query('select lantern.cancel_async_task($1)', [jobid]);
  await worker.die();
  expect(await other.rescue()).toEqual([
    {
      run_id: task.run_id,
      jobid,
      status: 'running',
      username: stage.cast.names.a,
      pid: session.pid,
      cancel_key: 42,
      backend_start: expect.any(Date),
      is_alive: true,
      is_cancelled: true,
    },
  ]);
  expect(await other.claim()).toEqual([]);
  await session.client.query('commit');
  expect(await other.rescue()).toMatchObject([{ is_alive: true }]);
  await session.kill();
  await eventually(async () => expect(await other.rescue()).toMatchObject([{ status: 'succeeded' }]));
});

test('a session counts that was noted after its rescuer had looked who is connected', async () => {
  const { task } = await claimed();
  const rescuer = await stage.open(stage.cast.logins.worker.uri);
  await rescuer.query('begin; select from pg_stat_activity');
  const session = await worker.open(task, uriOfA());
  expect(await session.markBare()).toBe(true);
  await worker.die();
  const { rows } = await rescuer.query('select status from lamplighter.rescue_tasks($1)', [other.workerId]);
  await rescuer.query('rollback');
  expect(rows).toEqual([{ status: 'running' }]);
});

test.each([
  ['another role', 'role_oid = 1'],
  ['another time', `backend_start = now() - interval '1 day'`],
  ['a server that was started again', `postmaster_start = now() - interval '1 day'`],
])('a backend with the pid, but of %s, is another one', async (_, change) => {
  const { task } = await claimed();
  await worker.open(task, uriOfA());
  await admin().query(`update lamplighter.task_run set ${change}`);
  // Only who may see when a backend began can tell by that.
  await admin().query(`grant pg_read_all_stats to ${stage.cast.names.owner}`);
  await worker.die();
  expect(await other.rescue()).toMatchObject([{ status: 'queued', is_alive: false }]);
  await admin().query(`revoke pg_read_all_stats from ${stage.cast.names.owner}`);
});

test('the third charged attempt is the last, and one that the server crashed in counts twice', async () => {
  const { jobid, task } = await claimed();
  await lose(task);
  await lose(await worker.claimOne());
  expect(await chargeOf(jobid)).toBe(2);
  await lose(await worker.claimOne());
  expect(await stage.task(jobid)).toMatchObject({
    status: 'failed',
    error_message: 'the worker or the server was lost each time the task ran, and it is not run again',
  });

  const crashed = await claimed();
  await lose(crashed.task, true);
  expect(await chargeOf(crashed.jobid)).toBe(2);
  await lose(await worker.claimOne(), true);
  expect(await stage.task(crashed.jobid)).toMatchObject({ status: 'failed' });
});

/** Loses an attempt in the middle of the text. */
async function lose(task: ClaimedTask, isCrash = false): Promise<void> {
  const session = await worker.open(task, uriOfA());
  if (isCrash) await admin().query('update lamplighter.task_run set stats_reset = now()');
  await session.kill();
  await eventually(async () => expect(await worker.release(task, { isCharged: true })).not.toBe('running'));
}

test('an attempt that is given back is not charged', async () => {
  const { jobid, task } = await claimed();
  expect(await worker.release(task)).toBe('queued');
  expect(await chargeOf(jobid)).toBe(0);
});

test('a role that is renamed while its backend is at work: nothing is settled before that is gone', async () => {
  const { database } = stage.cast;
  await admin().query(`create role lt_renamed login password 'pw'; select lamplighter.grant_caller('lt_renamed')`);
  const uri = new URL(database.uri);
  [uri.username, uri.password] = ['lt_renamed', 'pw'];
  const session = await stage.open(uri.href);
  const jobid = await stage.queue(session, 'vacuum');
  const task = await worker.claimOne();
  const own = await worker.open(task, uri.href);
  await own.markBare();
  await admin().query('alter role lt_renamed rename to lt_renamed_since');
  await worker.die();
  expect(await other.rescue()).toMatchObject([{ jobid, status: 'running', is_alive: true }]);
  await own.kill();
  await eventually(async () => expect(await other.rescue()).toMatchObject([{ jobid, status: 'failed' }]));
});

test('what somebody has locked is left for the next time', async () => {
  await claimed();
  await worker.die();
  const session = await stage.open(stage.cast.database.uri);
  await session.query('begin; select from lamplighter.task_run for update');
  expect(await other.rescue()).toEqual([]);
  await session.query('rollback');
  expect(await other.rescue()).toHaveLength(1);
});

async function chargeOf(jobid: string): Promise<number> {
  const { rows } = await admin().query('select charge from lamplighter.task_run where jobid = $1', [jobid]);
  return rows[0]?.charge;
}
