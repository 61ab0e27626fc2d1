import type pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createStage, type Stage } from './sql-stage.ts';

const ENDED = 20_000;

let stage: Stage;
let session: pg.Client;
const notices: string[] = [];
beforeAll(async () => {
  stage = await createStage();
  const admin = stage.cast.database.pool;
  await admin.query(
    `insert into lantern.tasks (query, username, started_at, duration, status)
     select 'select 1', '${stage.cast.names.a}', now(), '1 s', 'succeeded' from generate_series(1, $1::int)`,
    [ENDED],
  );
  await admin.query(
    `insert into lamplighter.task_run (jobid, username, role_oid, origin, state, queued_at, finished_at, is_projected)
     select t.jobid, t.username, 1, '', 'succeeded', now(), now() - interval '1 day', true from lantern.tasks as t`,
  );
  await admin.query('analyze lantern.tasks; analyze lamplighter.task_run');
  session = await stage.open(stage.cast.database.uri);
  session.on('notice', ({ message = '' }) => notices.push(message));
  await session.query(
    `load 'auto_explain'; set auto_explain.log_min_duration = 0; set auto_explain.log_nested_statements = on;
     set auto_explain.log_level = notice; set client_min_messages = notice; set auto_explain.log_analyze = on`,
  );
});
afterAll(() => stage[Symbol.asyncDispose]());

/** The plans of everything that a statement runs, as the superuser's session has them told. */
async function plansOf(text: string, values: unknown[] = []): Promise<string> {
  notices.length = 0;
  await session.query(text, values);
  return notices.join('\n');
}

/** The most rows that a step of these plans returned or looked at in vain. */
function mostRowsIn(plan: string): number {
  const counts = [...plan.matchAll(/actual time=\S+ rows=(\d+)|Rows Removed by [\w ]+: (\d+)/g)];
  expect(counts).not.toEqual([]);
  return Math.max(...counts.map(([, rows, removed]) => Number(rows ?? removed)));
}

test('no statement of the engine looks at more than it works on, however many tasks have ended', async () => {
  const worker = await stage.startWorker();
  const { a } = stage.cast.sessions;
  const { workerId } = worker;
  const jobid = await stage.queue(a, 'select 1');
  await stage.queue(a, 'select 2');
  const gone = await stage.queue(a, 'select 3');
  await a.query('select lantern.cancel_async_task($1)', [gone]);
  const plans = [await plansOf('select * from lamplighter.claim_tasks($1, 1)', [workerId])];
  const { rows } = await stage.cast.database.pool.query<{ run_id: string }>(
    `select run_id from lamplighter.task_run where state = 'running'`,
  );
  const runId = rows[0]?.run_id;
  plans.push(
    await plansOf(`select lamplighter.note_task_session($1, $2, 1, 1, 1, now(), now(), '', 'exactly once')`, [
      workerId,
      runId,
    ]),
    await plansOf('select lamplighter.list_task_cancels($1)', [workerId]),
    await plansOf('select lamplighter.rescue_tasks($1)', [workerId]),
    await plansOf('select lamplighter.settle_stray_tasks()'),
    await plansOf(`select lamplighter.finish_task($1, $2, 1, 'failed', 'no', null, null)`, [workerId, runId]),
    await plansOf('select lamplighter.project_tasks(100)'),
    await plansOf(`select lamplighter.prune_tasks('1 hour', 100)`),
    await plansOf(`select lamplighter.prune_tasks('2 days', 100)`),
    await plansOf('select * from lantern.task_status where jobid = $1', [jobid]),
    await plansOf('select lantern.cancel_async_task($1)', [jobid]),
  );
  for (const plan of plans) {
    expect(mostRowsIn(plan), plan).toBeLessThanOrEqual(100);
  }
});

test('a claim and an end cost what they do with few tasks, when thousands are queued', async () => {
  const worker = await stage.startWorker();
  await stage.cast.sessions.a.query(
    `insert into lantern.tasks (query) select 'select 1' from generate_series(1, 5000)`,
  );
  await stage.cast.sessions.b.query(
    `insert into lantern.tasks (query) select 'select 1' from generate_series(1, 5000)`,
  );
  await stage.cast.database.pool.query('analyze lamplighter.task_run');
  const plan = await plansOf('select * from lamplighter.claim_tasks($1, 4)', [worker.workerId]);
  expect(plan).toContain('task_run_queued_idx');
  expect(mostRowsIn(plan), plan).toBeLessThanOrEqual(100);
});
