import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { startFaultProxy } from '../faults/support/fault-proxy.ts';
import { withClient } from '../support/admin.ts';
import { createTestDatabase, type TestDatabase, type TestRole } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { spawnWorker, startTestWorker } from '../support/test-worker.ts';
import { cancelAs, enqueueAs, timedCancelAs, untilEnded, untilState } from './worker-stage.ts';

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

const options = () => ({ uri: db.uri, taskRoles: { [ann.name]: ann.uri }, leaseMs: 1_000, heartbeatMs: 100 });
const effects = async () => (await db.pool.query('select n from own.effect order by n')).rows.map(({ n }) => n);

/** Holds the lock that `own.gate` is about until the returned function is called. */
async function closeGate(): Promise<() => Promise<void>> {
  const client = await db.pool.connect();
  await client.query('select pg_advisory_lock(7)');
  return async () => {
    await client.query('select pg_advisory_unlock(7)');
    client.release();
  };
}

describe('a worker that is killed', () => {
  test('while a text runs in a transaction: it is run again, and its effects are there once', async () => {
    const openGate = await closeGate();
    const jobid = await enqueueAs(ann.uri, 'insert into own.effect values (1); select pg_advisory_xact_lock(7)');
    await using worker = await spawnWorker(options());
    const { pid } = await untilState(db.pool, jobid, 'running');
    await eventually(async () => {
      const { rows } = await db.pool.query('select wait_event from pg_stat_activity where pid = $1', [pid]);
      expect(rows).toEqual([{ wait_event: 'advisory' }]);
    });
    worker.kill('SIGKILL');
    await worker.exited;
    await using _other = await startTestWorker(options());
    await openGate();
    expect(await untilEnded(db.pool, jobid)).toMatchObject({ status: 'succeeded' });
    expect(await effects()).toEqual([1]);
    expect((await untilState(db.pool, jobid, 'succeeded')).attempt).toBe(2);
  });

  test('while a text runs that cannot be repeated: it has failed, and what it had committed stays', async () => {
    const jobid = await enqueueAs(
      ann.uri,
      'do $$ begin insert into own.effect values (1); commit; perform pg_sleep(60); end $$',
    );
    await using worker = await spawnWorker(options());
    await eventually(async () => expect(await effects()).toEqual([1]));
    worker.kill('SIGKILL');
    await using _other = await startTestWorker(options());
    expect(await untilEnded(db.pool, jobid)).toMatchObject({
      status: 'failed',
      error_message: expect.stringContaining('worker lost while running a statement that cannot be retried'),
    });
    expect(await effects()).toEqual([1]);
  });

  test.each([0, 5, 15, 30, 60, 120])(
    '%i ms after its claims: nothing is lost and nothing is done twice',
    async (ms) => {
      await using worker = await spawnWorker(options());
      const jobids = await withClient(ann.uri, async (client) => {
        const { rows } = await client.query<{ jobid: string }>(
          `select lantern.async_task(format('insert into own.effect values (%s); select pg_sleep(0.01)', n)) as jobid from generate_series(1, 12) as n`,
        );
        return rows.map(({ jobid }) => jobid);
      });
      await untilState(db.pool, jobids[3] ?? '', 'running');
      await new Promise((resolve) => setTimeout(resolve, ms));
      worker.kill('SIGKILL');
      await worker.exited;
      await using _other = await startTestWorker(options());
      for (const jobid of jobids) expect(await untilEnded(db.pool, jobid)).toMatchObject({ status: 'succeeded' });
      expect(await effects()).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    },
  );
});

test('a backend that is terminated by an administrator is the verdict on its task', async () => {
  await using _worker = await startTestWorker(options());
  const jobid = await enqueueAs(ann.uri, 'select pg_sleep(60)');
  const { pid } = await untilState(db.pool, jobid, 'running');
  await db.pool.query('select pg_terminate_backend($1)', [pid]);
  expect(await untilEnded(db.pool, jobid)).toMatchObject({
    status: 'failed',
    error_message: expect.stringMatching(/^FATAL: {2}terminating connection due to administrator command/),
  });
});

test('a worker that was frozen beyond its lease records the end of what it ran, once', async () => {
  await using frozen = await spawnWorker(options());
  const jobid = await enqueueAs(ann.uri, 'insert into own.effect values (1); select pg_sleep(0.5)');
  await untilState(db.pool, jobid, 'running');
  frozen.kill('SIGSTOP');
  await using _other = await startTestWorker(options());
  await eventually(async () => {
    const { rows } = await db.pool.query('select status from steadytext_worker_status() where worker_id = $1', [
      frozen.workerId,
    ]);
    expect(rows).toEqual([{ status: 'dead' }]);
  });
  frozen.kill('SIGCONT');
  expect(await untilEnded(db.pool, jobid)).toMatchObject({ status: 'succeeded' });
  expect(await effects()).toEqual([1]);
});

test('a worker in another process is told, and a frozen one does not keep the backend alive', async () => {
  const slow = { ...options(), leaseMs: 2_000, heartbeatMs: 200 };
  await using first = await spawnWorker(slow);
  const quick = await timedCancelAs(db.pool, ann.uri, await enqueueAs(ann.uri, 'select pg_sleep(60)'));
  expect(quick.endMs).toBeLessThan(1_000);
  const jobid = await enqueueAs(ann.uri, 'select pg_sleep(60)');
  await untilState(db.pool, jobid, 'running');
  first.kill('SIGSTOP');
  await using other = await startTestWorker(slow);
  const frozen = await timedCancelAs(db.pool, ann.uri, jobid);
  expect(frozen.goneMs).toBeLessThan(1_500);
  expect(frozen.endMs).toBeLessThan(5_000);
  expect(other.warnings().filter(({ msg }) => !/rescued|dead worker/.test(msg))).toEqual([]);
});

test('a worker that begins to listen after a cancel was committed sees to it at once, whoever is frozen', async () => {
  const patient = { ...options(), leaseMs: 60_000, heartbeatMs: 30_000 };
  await using first = await spawnWorker(patient);
  const jobid = await enqueueAs(ann.uri, 'select pg_sleep(60)');
  await untilState(db.pool, jobid, 'running');
  first.kill('SIGSTOP');
  expect(await cancelAs(ann.uri, jobid)).toBe(true);
  await using _other = await startTestWorker(patient);
  expect(await untilEnded(db.pool, jobid, 5_000)).toMatchObject({ status: 'canceled' });
});

test('connections that are lost while a session is noted are charged to no task, and no fault of the program', async () => {
  await using proxy = await startFaultProxy(Number(new URL(db.uri).port));
  const fault = proxy.arm({ statement: /note_task_session/, moment: 'answer', blow: 'cut', times: 4 });
  await using tested = await startTestWorker({ ...options(), uri: proxy.through(db.uri) });
  const jobid = await enqueueAs(ann.uri, 'insert into own.effect values (1)');
  expect(await untilEnded(db.pool, jobid, 30_000)).toMatchObject({ status: 'succeeded' });
  expect(fault.strikes).toBe(4);
  expect((await db.pool.query('select charge from lamplighter.task_run')).rows).toEqual([{ charge: 0 }]);
  expect(tested.lines().filter(({ level }) => level >= 50)).toEqual([]);
  expect(await effects()).toEqual([1]);
});
