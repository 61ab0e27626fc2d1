import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase, type TestRole } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { spawnWorker, startTestWorker } from '../support/test-worker.ts';
import { enqueueAs, taskOf, untilEnded, untilState } from './worker-stage.ts';

let db: TestDatabase;
let ann: TestRole;
beforeAll(async () => {
  db = await createTestDatabase();
  ann = await db.createRole('ann');
  await db.pool.query(`select lamplighter.grant_caller('${ann.name}')`);
  await db.pool.query(
    `create schema own authorization ${ann.name}; create table own.effect (n int); grant all on own.effect to ${ann.name}`,
  );
});
afterEach(() => db.pool.query('delete from lantern.tasks; delete from own.effect'));
afterAll(() => db[Symbol.asyncDispose]());

const options = (drainMs: number) => ({ uri: db.uri, taskRoles: { [ann.name]: ann.uri }, drainMs });

test('a stop waits for tasks that end in time, and claims nothing more', async () => {
  const tested = await startTestWorker(options(10_000));
  const jobid = await enqueueAs(ann.uri, 'select pg_sleep(0.5)');
  await untilState(db.pool, jobid, 'running');
  const stopped = tested.worker.stop();
  const later = await enqueueAs(ann.uri, 'select 1');
  await stopped;
  expect(await taskOf(db.pool, jobid)).toMatchObject({ status: 'succeeded' });
  expect(await untilState(db.pool, later, 'queued')).toMatchObject({ attempt: 0 });
});

test('what does not end in time is handed back without charge where it can run again, broken off where it cannot, and the log says which', async () => {
  const tested = await startTestWorker(options(300));
  const again = await enqueueAs(ann.uri, 'insert into own.effect values (1); select pg_sleep(60)');
  const never = await enqueueAs(
    ann.uri,
    'do $$ begin insert into own.effect values (2); commit; perform pg_sleep(60); end $$',
  );
  await untilState(db.pool, again, 'running');
  await eventually(async () => expect((await db.pool.query('select from own.effect')).rowCount).toBe(1));
  await tested.worker.stop();
  await untilState(db.pool, again, 'queued');
  expect(await untilEnded(db.pool, never)).toMatchObject({ status: 'failed' });
  expect((await db.pool.query('select n from own.effect')).rows).toEqual([{ n: 2 }]);
  const said = (jobid: string) => tested.lines().find((line) => line['jobid'] === jobid && line.level === 30)?.msg;
  expect(said(again)).toBe('handed a task back, to be run again');
  expect(said(never)).toBe('broke off a task that cannot be run again');
  const { rows } = await db.pool.query('select charge from lamplighter.task_run where jobid = $1', [again]);
  expect(rows).toEqual([{ charge: 0 }]);
});

test('a second signal hands back at once, and the process ends', async () => {
  await using worker = await spawnWorker(options(60_000));
  const jobid = await enqueueAs(ann.uri, 'select pg_sleep(60)');
  await untilState(db.pool, jobid, 'running');
  worker.kill('SIGTERM');
  await worker.waitForLine(/^stopping 1/);
  worker.kill('SIGTERM');
  expect(await worker.exited).toEqual({ code: 0, signal: null });
  await untilState(db.pool, jobid, 'queued');
});
