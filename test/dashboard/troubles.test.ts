import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Overview, Trouble } from '../../src/dashboard/api.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { openTestDashboard, type TestDashboard } from './open-test-dashboard.ts';

let db: TestDatabase;
let dashboard: TestDashboard;
beforeAll(async () => {
  db = await createTestDatabase();
});
afterAll(() => db[Symbol.asyncDispose]());
beforeEach(async () => {
  await dashboard?.[Symbol.asyncDispose]();
  dashboard = openTestDashboard(db);
  await db.pool.query('delete from steadytext_queue; delete from lantern.tasks; delete from lamplighter.worker');
});
afterAll(() => dashboard[Symbol.asyncDispose]());

const read = async (): Promise<readonly Trouble[]> => (await dashboard.get<Overview>('overview')).body.troubles;

async function addWorker(lanes: readonly string[], beatAgo = '0 s'): Promise<void> {
  await db.pool.query(
    `insert into lamplighter.worker (hostname, pid, version, functions, lanes, concurrency, lease_ms, last_heartbeat)
     values ('here', 7, '1', '{embed}', $1, 1, 15000, now() - $2::interval)`,
    [lanes, beatAgo],
  );
}

test('nothing is wrong in an empty database', async () => {
  expect(await read()).toEqual([]);
});

test('requests that nobody serves come first, with the command that starts a worker', async () => {
  await addWorker([], '1 minute');
  await db.pool.query(`select steadytext_embed_async('t')`);
  const troubles = await read();
  expect(troubles.map(({ kind }) => kind)).toEqual(['not-served', 'dead-worker']);
  expect(troubles[0]).toMatchObject({
    severity: 'error',
    text: 'No running worker serves embed, and requests wait for one: 1.',
    command: 'lamplighter worker',
  });
});

test('a function that is paused is told while requests wait for it', async () => {
  await addWorker(['embed:default']);
  await db.pool.query(`select steadytext_pause('embed')`);
  expect(await read()).toEqual([]);
  await dashboard.post('functions/rerank/resume', {});
  await db.pool.query(`select steadytext_embed_async('t')`);
  await dashboard.post('functions/rerank/resume', {});
  expect(await read()).toMatchObject([{ kind: 'paused', command: `SELECT steadytext_resume('embed')` }]);
  await db.pool.query(`select steadytext_resume('embed')`);
});

test('requests that wait longer than ten minutes are told', async () => {
  await addWorker(['embed:default']);
  await db.pool.query(
    `insert into steadytext_queue (function_name, parameters, created_at) values ('embed', '{"text_input": "t"}', now() - interval '11 minutes')`,
  );
  expect(await read()).toMatchObject([{ kind: 'old-pending', severity: 'warning' }]);
});

test('tasks that no worker runs are told', async () => {
  await db.pool.query(`select lantern.async_task('select 1')`);
  expect(await read()).toMatchObject([{ kind: 'tasks-not-served', severity: 'error' }]);
});

test('failures are told by their cause, without what differs', async () => {
  await db.pool.query(
    `insert into steadytext_queue (function_name, parameters, status, error, failed_at)
     select 'embed', '{"text_input": "t"}', 'failed', 'the model "m' || n || '" took ' || n || ' ms', now() from generate_series(1, 3) as n`,
  );
  const { body } = await dashboard.get<Overview>('overview');
  expect(body.failures).toEqual([
    { cause: 'the model .. took .. ms', count: 3, link: 'requests?status=failed&error=the%20model' },
  ]);
});
