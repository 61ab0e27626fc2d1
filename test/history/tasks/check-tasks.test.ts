import { appendFileSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase, type TestRole } from '../../support/database.ts';
import { type Runner, startRunner } from '../../tasks/run-stage.ts';
import { cancelAs, enqueueAs } from '../../tasks/worker-stage.ts';
import { checkTasks } from './check-tasks.ts';
import { createTaskCallerJournal, type TaskCallerJournal } from './task-callers.ts';
import { clearTaskJournal, createStartJournal, installTaskJournal, type StartJournal } from './task-journal.ts';
import { TASK_TEXTS, type TaskTextName } from './task-texts.ts';
import type { TaskRule } from './task-violation.ts';

let db: TestDatabase;
let ann: TestRole;
let starts: StartJournal;
let callers: TaskCallerJournal;
let runner: Runner;
beforeAll(async () => {
  db = await createTestDatabase();
  ann = await db.createRole('ann');
  await db.pool.query('select lamplighter.grant_caller($1)', [ann.name]);
  starts = createStartJournal();
  await installTaskJournal(db.pool, starts);
  runner = await startRunner({ pool: db.pool, uri: ann.uri });
});
beforeEach(async () => {
  await clearTaskJournal(db.pool, starts);
  callers = createTaskCallerJournal();
});
afterAll(async () => {
  await runner?.[Symbol.asyncDispose]();
  starts?.[Symbol.dispose]();
  await db?.[Symbol.asyncDispose]();
});

const queue = (kind: TaskTextName) => callers.queue(kind, 0, (text, key) => enqueueAs(ann.uri, text, key));
const change = (set: string, jobid: string) =>
  db.pool.query(`update lamplighter.task_run set ${set} where jobid = $1`, [jobid]);
const keyOf = (jobid: string) => callers.calls.find((call) => call.jobid === jobid)?.key ?? '';
const rules = async (): Promise<TaskRule[]> => [
  ...new Set((await checkTasks(db.pool, { callers, starts })).map(({ rule }) => rule)),
];

/** A task of that kind that has ended as it should. */
async function runWell(kind: TaskTextName): Promise<string> {
  const jobid = await queue(kind);
  await runner.settle(jobid);
  return jobid;
}

test('whatever kind of text ran or was cancelled, a history in which all went well has no violations', async () => {
  for (const kind of Object.keys(TASK_TEXTS) as TaskTextName[]) {
    const jobid = await queue(kind);
    if (TASK_TEXTS[kind].verdict === undefined) {
      await callers.cancel({ jobid, role: ann.name }, async () => (await cancelAs(ann.uri, jobid)) === true);
      callers.see(jobid, 'canceled');
    } else callers.see(jobid, (await runner.settle(jobid)).status);
  }
  expect(await checkTasks(db.pool, { callers, starts })).toEqual([]);
  callers.noteDeletes();
  await db.pool.query(`select lamplighter.prune_tasks('0')`);
  expect(await checkTasks(db.pool, { callers, starts })).toEqual([]);
});

test('a call whose connection died may have queued its task or not', async () => {
  const lost = new Error('Connection terminated unexpectedly');
  const call = async (text: string, key: string) => {
    await runner.settle(await enqueueAs(ann.uri, text, key));
    throw lost;
  };
  await expect(callers.queue('wrapped', 0, call)).rejects.toBe(lost);
  await expect(callers.queue('wrapped', 0, () => Promise.reject(lost))).rejects.toBe(lost);
  expect(await checkTasks(db.pool, { callers, starts })).toEqual([]);
});

const addEffect = (jobid: string, step: number) =>
  db.pool.query('select history.add_effect($1, $2)', [keyOf(jobid), step]);
const noteStart = async (jobid: string, how: string) => appendFileSync(starts.file, `${keyOf(jobid)}|${how}\n`);

test.each<[string, TaskRule, TaskTextName, (jobid: string) => Promise<unknown>]>([
  ['was applied twice', 'effect', 'wrapped', async (jobid) => [await addEffect(jobid, 1), await addEffect(jobid, 2)]],
  ['was applied twice in part', 'effect', 'bare and failing', (jobid) => addEffect(jobid, 1)],
  ['was not applied', 'effect', 'bare', () => db.pool.query('delete from history.effect')],
  ['failed and left effects', 'effect', 'failing', (jobid) => addEffect(jobid, 1)],
  ['failed though it had succeeded', 'ended-once', 'bare', (jobid) => change(`state = 'failed'`, jobid)],
  ['has the error of another', 'verdict', 'failing', (jobid) => change(`error_message = 'ERROR:  x'`, jobid)],
  ['began twice', 'start', 'bare', (jobid) => noteStart(jobid, 'alone')],
  ['began in a transaction twice', 'start', 'with its own COMMIT', (jobid) => noteStart(jobid, 'alone')],
  ['began twice at a time', 'start', 'found to be bare', (jobid) => noteStart(jobid, 'overlapping')],
  ['was told to have failed', 'told', 'wrapped', async (jobid) => callers.see(jobid, 'failed')],
  [
    'is shown as something else',
    'projection',
    'wrapped',
    (jobid) => db.pool.query(`update lantern.tasks set status = 'failed' where jobid = $1`, [jobid]),
  ],
  [
    'left its outcome behind',
    'projection',
    'wrapped',
    () =>
      db.pool.query(
        'insert into lamplighter.task_outcome (run_id, attempt) select run_id, 1 from lamplighter.task_run',
      ),
  ],
  ['was deleted', 'unasked', 'wrapped', () => db.pool.query('delete from lantern.tasks')],
  ['skipped an attempt', 'count', 'wrapped', (jobid) => change('attempt = attempt + 1', jobid)],
  [
    'was changed past the trigger',
    'continuity',
    'wrapped',
    async (jobid) => {
      await db.pool.query('alter table lamplighter.task_run disable trigger zz_history');
      await change('charge = 1', jobid);
      await db.pool.query('alter table lamplighter.task_run enable always trigger zz_history');
      await change('reason = null', jobid);
    },
  ],
  [
    'was queued by nobody',
    'queued-once',
    'wrapped',
    async () => runner.settle(await enqueueAs(ann.uri, 'select 1', 'of nobody')),
  ],
  [
    'was queued twice',
    'queued-once',
    'wrapped',
    async (jobid) => runner.settle(await enqueueAs(ann.uri, 'select 1', keyOf(jobid))),
  ],
])('it is noticed that a task %s', async (_, rule, kind, breakIt) => {
  const jobid = await runWell(kind);
  expect(await rules()).toEqual([]);
  await breakIt(jobid);
  expect(await rules()).toContain(rule);
});

test('a task that was accepted and does not end is lost, running or queued or gone', async () => {
  const jobid = await queue('wrapped');
  expect(await rules()).toContain('lost');
  await runner.claim();
  expect(await rules()).toContain('lost');
  await change(`worker_id = null, state = 'queued'`, jobid);
  await runner.settle(jobid);
  await callers.queue('wrapped', 0, async () => '999999');
  expect(await checkTasks(db.pool, { callers, starts })).toMatchObject([{ rule: 'lost', what: /there is no run/ }]);
});

test('a task whose caller was refused is not to be there', async () => {
  const call = async (text: string, key: string) => {
    await runner.settle(await enqueueAs(ann.uri, text, key));
    await db.pool.query('select 1 / 0');
    return '';
  };
  await expect(callers.queue('wrapped', 0, call)).rejects.toThrow('division by zero');
  expect(await rules()).toEqual(['queued-once']);
});

test('a cancel that nobody asked for is noticed', async () => {
  const jobid = await queue('wrapped');
  await cancelAs(ann.uri, jobid);
  expect(await rules()).toEqual(['unasked']);
});

test('it is noticed that an attempt is given up while its backend is at work, or that a bare text is run again', async () => {
  const jobid = await queue('wrapped');
  await runner.claim();
  const client = await db.pool.connect();
  await client.query(
    `update lamplighter.task_run set pid = pg_backend_pid(),
       backend_start = (select backend_start from pg_stat_activity where pid = pg_backend_pid()) where jobid = $1`,
    [jobid],
  );
  await change(`state = 'queued', worker_id = null, pid = null`, jobid);
  client.release();
  expect(await rules()).toContain('lease');
  await runner.settle(jobid);
  await clearTaskJournal(db.pool, starts);
  callers = createTaskCallerJournal();
  const bare = await queue('bare');
  await runner.claim();
  await change(`state = 'queued', bare_at = now(), worker_id = null, pid = null`, bare);
  await runner.settle(bare);
  expect(await rules()).toContain('transition');
});
