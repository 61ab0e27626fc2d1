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
const admin = () => stage.cast.database.pool;

test('tasks of one role are claimed in the order of queueing, each once', async () => {
  const queued = [await stage.queue(a(), '1'), await stage.queue(a(), '2'), await stage.queue(a(), '3')];
  const other = await stage.startWorker();
  const claimed = [...(await worker.claim(2)), ...(await other.claim(2)), ...(await worker.claim(2))];
  expect(claimed.map(({ jobid }) => jobid)).toEqual(queued);
});

test('a worker that has lost its lease claims nothing, nor does a login that is not the worker', async () => {
  await stage.queue(a(), '1');
  await worker.die();
  await expect(worker.claim()).rejects.toMatchObject({ code: 'LL001' });
  const other = await stage.startWorker();
  expect(await sqlErrorOf(a(), `select * from lamplighter.claim_tasks('${other.workerId}', 1, '{}')`)).toMatchObject({
    code: '42501',
  });
});

test('the one task of a role does not wait for a thousand of another', async () => {
  await a().query(`insert into lantern.tasks (query) select 'select 1' from generate_series(1, 1000)`);
  expect(await worker.claim(3)).toHaveLength(3);
  const late = await stage.queue(b(), 'select 2');
  expect((await worker.claim(1)).map(({ jobid }) => jobid)).toEqual([late]);
});

test('where no role has more running than another, each gets its share of many claims', async () => {
  await a().query(`insert into lantern.tasks (query) select 'select 1' from generate_series(1, 200)`);
  await b().query(`insert into lantern.tasks (query) select 'select 1' from generate_series(1, 200)`);
  const counts = new Map<string, number>();
  for (let i = 0; i < 60; i += 1) {
    const task = await worker.claimOne();
    counts.set(task.username, (counts.get(task.username) ?? 0) + 1);
    await worker.finish(task, 'failed');
  }
  // By lot: fewer than 12 of 60 come out once in a million times.
  expect(Math.min(...counts.values())).toBeGreaterThan(11);
  expect((await worker.claim(10)).filter(({ username }) => username === stage.cast.names.b)).toHaveLength(5);
});

test('a role that the worker cannot serve is passed over', async () => {
  await stage.queue(a(), 'select 1');
  const other = await stage.queue(b(), 'select 2');
  expect((await worker.claim(5, [stage.cast.names.a])).map(({ jobid }) => jobid)).toEqual([other]);
});

test('a task that was put off is claimed when its time has come', async () => {
  const jobid = await stage.queue(a(), 'select 1');
  expect(await worker.release(await worker.claimOne(), { delayMs: 60_000, reason: 'no login' })).toBe('queued');
  expect(await worker.claim()).toEqual([]);
  expect(await stage.status(jobid)).toMatchObject({ state: 'queued', attempt: 1, guarantee: null });
  await admin().query('update lamplighter.task_run set not_before = clock_timestamp()');
  expect(await worker.claimOne()).toMatchObject({ jobid, attempt: 2 });
});

test('what another transaction has locked is passed over, and nobody waits', async () => {
  const cancelled = await stage.queue(a(), 'select 1');
  const next = await stage.queue(a(), 'select 2');
  await a().query('begin');
  await a().query('select lantern.cancel_async_task($1)', [cancelled]);
  expect((await worker.claim()).map(({ jobid }) => jobid)).toEqual([next]);
  await a().query('rollback');
  expect((await worker.claim()).map(({ jobid }) => jobid)).toEqual([cancelled]);
});

test('a lock on lantern.tasks, which any granted role can take, holds up neither claim nor end', async () => {
  const jobid = await stage.queue(a(), 'select 1');
  await b().query('begin; lock table lantern.tasks in access exclusive mode');
  const task = await worker.claimOne();
  expect(await worker.finish(task, 'failed', { error: 'no' })).toBe('failed');
  expect(await stage.status(jobid)).toMatchObject({ state: 'failed', error_message: 'no' });
  await b().query('rollback');
});

test('tasks of a role that was dropped, renamed or made again are not claimed, and neither are those of a copy', async () => {
  await stage.queue(a(), 'select 1');
  await admin().query(`update lamplighter.task_run set role_oid = 1`);
  expect(await worker.claim()).toEqual([]);
  await admin().query(`update lamplighter.task_run set role_oid = 'pg_monitor'::regrole`);
  expect(await worker.claim()).toEqual([]);
  await admin().query(
    `update lamplighter.task_run set role_oid = (select oid from pg_roles where rolname = username), origin = '1/2'`,
  );
  expect(await worker.claim()).toEqual([]);
});

test('workers that claim and end tasks at the same time take each task once, and leave none', async () => {
  await a().query(`insert into lantern.tasks (query) select 'select 1' from generate_series(1, 150)`);
  await b().query(`insert into lantern.tasks (query) select 'select 1' from generate_series(1, 150)`);
  const taken: string[] = [];
  await Promise.all(
    Array.from({ length: 4 }, async () => {
      const session = await stage.open(stage.cast.logins.worker.uri);
      const { workerId } = await stage.startWorker();
      for (;;) {
        const { rows } = await session.query('select * from lamplighter.claim_tasks($1, 5)', [workerId]);
        if (rows.length === 0) break;
        for (const { run_id, jobid, attempt } of rows) {
          taken.push(jobid);
          await session.query(`select lamplighter.finish_task($1, $2, $3, 'failed', 'no', null, null)`, [
            workerId,
            run_id,
            attempt,
          ]);
        }
      }
    }),
  );
  expect(new Set(taken).size).toBe(taken.length);
  // Whoever found everything locked has stopped early; another one has gone on.
  expect(taken.length).toBe(300);
  // A write that had to wait for 10 ms, for room in the table perhaps, comes later.
  await admin().query('select lamplighter.project_tasks(300)');
  expect((await admin().query('select from lantern.tasks where status is null')).rowCount).toBe(0);
});
