import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { TaskSession } from '../../../src/db/task-session/task-session.ts';
import type { ClaimedTask } from '../../../src/tasks/claim-tasks.ts';
import { type Defect, makeDefect } from '../../properties/defects.ts';
import { createTestDatabase, type TestDatabase, type TestRole } from '../../support/database.ts';
import { eventually } from '../../support/eventually.ts';
import { type Runner, startRunner } from '../../tasks/run-stage.ts';
import { cancelAs, enqueueAs } from '../../tasks/worker-stage.ts';
import { checkTasks } from './check-tasks.ts';
import { createTaskCallerJournal, type TaskCallerJournal } from './task-callers.ts';
import { clearTaskJournal, createStartJournal, installTaskJournal, type StartJournal } from './task-journal.ts';
import { TASK_TEXTS, type TaskTextName } from './task-texts.ts';
import type { TaskRule } from './task-violation.ts';

/**
 * That the check at the end of each storm bites: each of these defects is made in the SQL of a database, and the history of what really
 * happens then, of a few tasks in sessions of their own, has to break the rule.
 */

let db: TestDatabase;
let ann: TestRole;
let starts: StartJournal;
let callers: TaskCallerJournal;
let sessions: TaskSession[];
beforeAll(async () => {
  db = await createTestDatabase();
  ann = await db.createRole('ann');
  await db.pool.query('select lamplighter.grant_caller($1)', [ann.name]);
  starts = createStartJournal();
  await installTaskJournal(db.pool, starts);
});
beforeEach(reset);
afterAll(async () => {
  starts?.[Symbol.dispose]();
  await db?.[Symbol.asyncDispose]();
});

async function reset(): Promise<void> {
  await clearTaskJournal(db.pool, starts);
  callers = createTaskCallerJournal();
  sessions = [];
}

const openRunner = () =>
  startRunner({ pool: db.pool, uri: ann.uri, onSession: (session) => void sessions.push(session) });
const queue = (kind: TaskTextName, seconds = 0) =>
  callers.queue(kind, seconds, (text, key) => enqueueAs(ann.uri, text, key));
const cancel = (jobid: string) =>
  callers.cancel({ jobid, role: ann.name }, async () => (await cancelAs(ann.uri, jobid)) === true);
const bury = (runner: Runner) =>
  db.pool.query(`update lamplighter.worker set status = 'dead' where worker_id = $1`, [runner.workerId]);
/** What a rescue makes of the one task that there is, once its backend is gone. */
const rescue = (runner: Runner) =>
  eventually(async () => {
    const { rows } = await db.pool.query('select status from lamplighter.rescue_tasks($1)', [runner.workerId]);
    expect(rows).not.toMatchObject([{ status: 'running' }]);
    return rows[0]?.status;
  });
const violations = () => checkTasks(db.pool, { callers, starts, cancelSlackMs: 0 });

/** Begins to run what is claimed, and resolves once its text rests. */
async function begin(runner: Runner, task: ClaimedTask) {
  const ended = runner.run(task);
  const session = await eventually(async () => {
    const [last] = sessions.slice(-1);
    const { rows } = await db.pool.query(`select from pg_stat_activity where pid = $1 and wait_event = 'PgSleep'`, [
      last?.facts.pid,
    ]);
    if (last === undefined || rows.length === 0) throw new Error('the text does not rest yet');
    return last;
  });
  return { session, ended };
}

/** What happens to the tasks of one history. */
type Scene = (first: Runner, second: Runner) => Promise<unknown>;

const bareIsLost: Scene = async (first, second) => {
  await queue('bare', 600);
  const { session, ended } = await begin(first, await first.claim());
  session.destroy();
  await ended;
  await bury(first);
  if ((await rescue(second)) === 'queued') await second.claim();
};
const holderIsLost: Scene = async (first, second) => {
  const jobid = await queue('wrapped', 600);
  const { session, ended } = await begin(first, await first.claim());
  await bury(first);
  await db.pool.query('select * from lamplighter.rescue_tasks($1)', [second.workerId]);
  await cancel(jobid);
  await session.cancel();
  await ended;
  await second.settle(jobid);
};
const lateWord: Scene = async (first, second) => {
  const jobid = await queue('wrapped');
  const task = await first.claim();
  await bury(first);
  await second.settle(jobid);
  await first.record(task, {
    kind: 'ended',
    status: 'failed',
    errorMessage: 'ERROR:  late\n',
    guarantee: 'exactly once',
  });
};
const allIsWell: Scene = async (first) => first.settle(await queue('wrapped'));
const cancelBeforeClaim: Scene = async (first) => {
  const jobid = await queue('wrapped');
  await cancel(jobid);
  await first.settle(jobid);
};
const cancelWhileItRuns: Scene = async (first) => {
  const jobid = await queue('endless');
  const task = await first.claim();
  const { session, ended } = await begin(first, task);
  await cancel(jobid);
  await session.cancel();
  await first.record(task, await ended);
};
const cancelBeforeLoss: Scene = async (first, second) => {
  const jobid = await queue('endless');
  const { session, ended } = await begin(first, await first.claim());
  await cancel(jobid);
  session.destroy();
  await ended;
  await bury(first);
  await rescue(second);
};

interface HistoryDefect extends Pick<Defect, 'in' | 'find' | 'replace' | 'name'> {
  readonly scene: Scene;
  readonly breaks: TaskRule;
}

const DEFECTS: readonly HistoryDefect[] = [
  {
    name: 'no outcome is written',
    in: 'lamplighter.record_task_outcome',
    find: 'insert into lamplighter.task_outcome (run_id, attempt) values (p_run_id, p_attempt)',
    replace: 'null',
    scene: allIsWell,
    breaks: 'effect',
  },
  {
    name: 'what ran bare is run again',
    in: 'lamplighter.settle_lost_run',
    find: 'v_run.bare_at is not null',
    replace: 'false',
    scene: bareIsLost,
    breaks: 'transition',
  },
  {
    name: 'a rescue does not look for the backend',
    in: 'lamplighter.is_task_backend_there',
    find: 'p_pid is not null',
    replace: 'false',
    scene: holderIsLost,
    breaks: 'lease',
  },
  {
    name: 'an end is not fenced',
    in: 'lamplighter.finish_task',
    find: `and r.worker_id = p_worker_id and r.attempt = p_attempt and r.state = 'running'`,
    replace: '',
    scene: lateWord,
    breaks: 'ended-once',
  },
  {
    name: 'the outcome is written outside of the transaction of the text',
    in: 'lamplighter.note_task_session',
    find: 'return found;',
    replace: 'insert into lamplighter.task_outcome (run_id, attempt) values (p_run_id, p_attempt); return true;',
    scene: allIsWell,
    breaks: 'effect',
  },
  {
    name: 'a cancel is dropped',
    in: 'lantern.cancel_async_task',
    find: 'insert into lamplighter.task_cancel (run_id)\n  select r.run_id',
    replace: 'perform r.run_id',
    scene: cancelBeforeClaim,
    breaks: 'cancel',
  },
  {
    name: 'a cancel of what runs does not count at its end',
    in: 'lamplighter.finish_task',
    find: 'c where c.run_id = p_run_id',
    replace: 'c where c.run_id = -1',
    scene: cancelWhileItRuns,
    breaks: 'cancel',
  },
  {
    name: 'a cancel of what runs does not count when its worker is lost',
    in: 'lamplighter.settle_lost_run',
    find: 'c where c.run_id = p_run_id',
    replace: 'c where c.run_id = -1',
    scene: cancelBeforeLoss,
    breaks: 'cancel',
  },
  {
    name: 'a task is accepted and not kept',
    in: 'lamplighter.enqueue_task',
    find: 'insert into',
    replace: 'return null; insert into',
    scene: async (first) => {
      await queue('wrapped');
      const task = await first.claim().catch(() => undefined);
      if (task !== undefined) await first.attempt(task);
    },
    breaks: 'lost',
  },
  {
    name: 'a loss is not charged',
    in: 'lamplighter.settle_lost_run',
    find: 'set charge = v_charge',
    replace: 'set charge = v_charge - 4',
    scene: async (first, second) => {
      const jobid = await queue('wrapped', 600);
      for (const runner of [first, second, second]) {
        const { session, ended } = await begin(runner, await runner.claim());
        session.destroy();
        const task = await runnerTask(jobid);
        await runner.record(task, await ended);
      }
    },
    breaks: 'count',
  },
  {
    name: 'an end is shown without its duration',
    in: 'lamplighter.project_task',
    find: 'duration = v_run.finished_at - t.started_at',
    replace: 'duration = null',
    scene: allIsWell,
    breaks: 'projection',
  },
];

/** What is claimed at present, as its worker has it. */
async function runnerTask(jobid: string): Promise<ClaimedTask> {
  const { rows } = await db.pool.query<Omit<ClaimedTask, 'text' | 'searchPath'>>(
    `select run_id::text as "runId", jobid::text, username, role_oid::int as "roleOid", attempt from lamplighter.task_run where jobid = $1`,
    [jobid],
  );
  const [run] = rows;
  if (run === undefined) throw new Error('the run is gone');
  return { ...run, text: '', searchPath: '' };
}

async function play(scene: Scene): Promise<void> {
  await using first = await openRunner();
  await using second = await openRunner();
  await scene(first, second);
}

test.each(DEFECTS)('$name: its history breaks the rule "$breaks"', async ({ scene, breaks, ...defect }) => {
  const mend = await makeDefect(db.pool, defect);
  await play(scene).finally(mend);
  expect((await violations()).map(({ rule }) => rule)).toContain(breaks);
  await reset();
  await play(scene);
  expect(await violations()).toEqual([]);
});

describe('an administrator may terminate', () => {
  test.each(
    Object.entries(TASK_TEXTS).flatMap(([kind, { text }]) => (/sleep|add_both/.test(text('', 1)) ? [kind] : [])),
  )('a task that is %s, whatever else PostgreSQL says of it', async (kind) => {
    await using runner = await openRunner();
    await queue(kind as TaskTextName, 600); // a key of the table
    const task = await runner.claim();
    const { session, ended } = await begin(runner, task);
    await db.pool.query('select pg_terminate_backend($1)', [session.facts.pid]);
    await runner.record(task, await ended);
    expect(await violations()).toEqual([]);
  });
});
