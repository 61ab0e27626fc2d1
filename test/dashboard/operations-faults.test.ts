import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { OperationOrder } from '../../src/dashboard/api.ts';
import { startCli } from '../cli/run-cli.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { firstValue } from '../support/requests.ts';
import { spawnWorker } from '../support/test-worker.ts';

/** Several steps of a thousand. */
const ROWS = 3_000;

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
  // Each row takes a millisecond, so that a step is killed in its midst; what is rolled back is not written down.
  await db.pool.query(`
    create table touched (id bigint not null);
    create function touch() returns trigger language plpgsql as $$
    begin
      perform pg_sleep(0.001);
      insert into public.touched values ((coalesce(to_jsonb(new), to_jsonb(old)) ->> tg_argv[0])::bigint);
      return null;
    end $$;
    create trigger touch after update or delete on steadytext_queue for each row execute function touch('id');
    create trigger touch after update or delete on lantern.tasks for each row execute function touch('jobid')`);
});
afterAll(() => db[Symbol.asyncDispose]());
beforeEach(async () => {
  await db.pool.query(`
    alter table steadytext_queue disable trigger touch;
    alter table lantern.tasks disable trigger touch;
    delete from steadytext_queue;
    delete from lantern.tasks`);
});

/** Rows that the action can be done to, and none that a worker takes; then the trigger begins to count. */
async function addRows({ kind, action }: OperationOrder): Promise<void> {
  if (kind === 'requests') {
    const status = { retry: 'failed', cancel: 'pending', delete: 'completed' }[action];
    await db.pool.query(
      `insert into steadytext_queue (function_name, parameters, status, model)
       select 'embed', '{"text_input": "t"}', $2, 'unserved' from generate_series(1, $1)`,
      [ROWS, status],
    );
  } else {
    await db.pool.query(`select lantern.async_task('select 1', 'swept') from generate_series(1, $1)`, [ROWS]);
    if (action === 'delete') await db.pool.query('select lantern.cancel_all_async_tasks()');
  }
  await db.pool.query(`
    alter table steadytext_queue enable trigger touch;
    alter table lantern.tasks enable trigger touch;
    truncate touched`);
}

const startDashboard = () => startCli(['dashboard', '--uri', db.uri, '--listen', '127.0.0.1:0']);
const startWorker = () => spawnWorker({ uri: db.uri, functions: ['rerank'], taskConcurrency: 0 });
const doneOf = (id: string) =>
  firstValue<number>(db.pool, 'select done::integer from lamplighter.operation where operation_id = $1', [id]);

test.each<OperationOrder>([
  { kind: 'requests', action: 'retry', filter: { status: 'failed' } },
  { kind: 'requests', action: 'cancel', filter: { status: 'pending' } },
  { kind: 'requests', action: 'delete', filter: { status: 'completed' } },
  { kind: 'tasks', action: 'cancel', filter: { name: 'swept' } },
  { kind: 'tasks', action: 'delete', filter: { name: 'swept' } },
])(
  '$action of all $kind goes on after kill -9 of dashboard and worker, and accounts for each row once',
  async (order) => {
    await addRows(order);
    const dashboard = startDashboard();
    const worker = await startWorker();
    await dashboard.waitForLine(/http:\/\/127\.0\.0\.1:\d+/);
    const id = await firstValue<string>(
      db.pool,
      `select lamplighter.enqueue_operation($1, $2, $3, $4, null, 'command line')::text`,
      [order.kind, order.action, order.filter, ROWS],
    );
    await eventually(async () => expect(await doneOf(id)).toBeGreaterThan(0), { timeoutMs: 30_000 });
    dashboard.kill('SIGKILL');
    worker.kill('SIGKILL');
    await Promise.all([dashboard.exited, worker.exited]);
    expect(await doneOf(id)).toBeLessThan(ROWS);

    await using _again = startDashboard();
    await using _worker = await startWorker();
    await eventually(
      async () => {
        const { rows } = await db.pool.query(
          `select state, matched::integer, done::integer, (changed + gone + held + refused)::integer as skipped
         from lamplighter.operation where operation_id = $1`,
          [id],
        );
        expect(rows).toEqual([{ state: 'done', matched: ROWS, done: ROWS, skipped: 0 }]);
      },
      { timeoutMs: 60_000 },
    );
    const { rows } = await db.pool.query(
      'select count(*)::integer as n, count(distinct id)::integer as d from touched',
    );
    expect(rows).toEqual([{ n: ROWS, d: ROWS }]);
    const { rows: audit } = await db.pool.query(
      `select action, count::integer from lamplighter.audit where filter ->> 'operation' = $1 and action like 'end %'`,
      [id],
    );
    expect(audit).toEqual([{ action: `end ${order.action} of all`, count: ROWS }]);
  },
  120_000,
);
