import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { createWorker } from '../../src/worker/create-worker.ts';
import { withClient } from '../support/admin.ts';
import { createTestDatabase, type TestDatabase, type TestRole } from '../support/database.ts';
import { embed, untilStatus } from '../support/requests.ts';
import { startTestWorker } from '../support/test-worker.ts';
import { enqueueAs, untilEnded, untilState } from './worker-stage.ts';

let db: TestDatabase;
let ann: TestRole;
let bob: TestRole;
beforeAll(async () => {
  db = await createTestDatabase();
  [ann, bob] = [await db.createRole('ann'), await db.createRole('bob')];
  for (const role of [ann, bob]) await db.pool.query(`select lamplighter.grant_caller('${role.name}')`);
});
afterEach(() => db.pool.query('delete from lantern.tasks'));
afterAll(() => db[Symbol.asyncDispose]());

const options = () => ({ uri: db.uri, taskRoles: { [ann.name]: ann.uri, [bob.name]: bob.uri } });

test('a thousand tasks of one role do not hold up the one of another', async () => {
  await withClient(ann.uri, (client) =>
    client.query(`select lantern.async_task('select pg_sleep(0.02)') from generate_series(1, 1000)`),
  );
  await using _worker = await startTestWorker(options());
  await untilEnded(db.pool, (await db.pool.query('select min(jobid) as first from lantern.tasks')).rows[0].first);
  const startedMs = performance.now();
  expect(await untilEnded(db.pool, await enqueueAs(bob.uri, 'select 1'))).toMatchObject({ status: 'succeeded' });
  expect(performance.now() - startedMs).toBeLessThan(1_500);
  await withClient(ann.uri, (client) => client.query('select lantern.cancel_all_async_tasks()'));
});

test('requests go on while every slot of tasks is taken, and no more connections are held than were allowed', async () => {
  await using tested = await startTestWorker({ ...options(), maxConnections: 8 });
  const jobids: string[] = [];
  for (let n = 0; n < 6; n += 1) jobids.push(await enqueueAs(ann.uri, 'select pg_sleep(60)'));
  for (const jobid of jobids.slice(0, 4)) await untilState(db.pool, jobid, 'running');
  await untilStatus(db.pool, await embed(db.pool, ['beside the tasks']), 'completed');
  const { rows } = await db.pool.query(
    `select count(*)::int as held from pg_stat_activity where datname = current_database() and application_name ~ '^lamplighter (worker|task|listener)'`,
  );
  expect(rows[0].held).toBeLessThanOrEqual(8);
  expect((await untilState(db.pool, jobids[5] ?? '', 'queued')).reason).toBe('all workers are busy');
  await withClient(ann.uri, (client) => client.query('select lantern.cancel_all_async_tasks()'));
  for (const jobid of jobids) expect(await untilEnded(db.pool, jobid)).toMatchObject({ status: 'canceled' });
  expect(tested.warnings()).toEqual([]);
});

test('a worker without models runs tasks alone, and one without tasks says why they wait', async () => {
  const jobid = await enqueueAs(ann.uri, 'select 1');
  {
    await using _idle = await startTestWorker({ ...options(), taskConcurrency: 0 });
    await untilStatus(db.pool, await embed(db.pool, ['requests only']), 'completed');
    expect((await untilState(db.pool, jobid, 'queued')).reason).toBe('no worker runs tasks');
  }
  // There is no model for it unless one is named.
  const worker = await createWorker({ ...options(), functions: ['generate'] });
  try {
    expect(worker.report.served).toEqual([]);
    expect(await untilEnded(db.pool, jobid)).toMatchObject({ status: 'succeeded' });
  } finally {
    await worker.stop();
  }
});
