import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Defect, makeDefect } from '../defects.ts';
import { runTaskSteps } from './task-interleaving.ts';
import { createTaskStage, type TaskStage } from './task-stage.ts';
import type { TaskStep } from './task-steps.ts';

/** That the comparison of `task-interleavings.test.ts` bites: each of these defects is made in the SQL of a database, and has to be noticed. */
interface TaskDefect extends Pick<Defect, 'in' | 'find' | 'replace' | 'says' | 'name'> {
  readonly noticedBy: readonly TaskStep[];
}

const task = 't';
const queue: TaskStep = { do: 'queue', by: 'ann1', as: task };
const cancel: TaskStep = { do: 'cancel', by: 'ann1', task };
const begun: readonly TaskStep[] = [queue, { do: 'claim', by: 'work1', limit: 1 }, { do: 'open', task }];
const recorded: readonly TaskStep[] = [...begun, { do: 'record', task }, { do: 'take effect', task }];
const committed: readonly TaskStep[] = [...recorded, { do: 'end text', task, how: 'commit' }];
const bare: readonly TaskStep[] = [...begun, { do: 'mark bare', task }];
const lost: readonly TaskStep[] = [
  { do: 'lose session', task },
  { do: 'bury', worker: 'work1' },
  { do: 'rescue', by: 'work2' },
];

const rowSecurity = (how: 'enable' | 'disable') =>
  ['lantern.tasks', 'lamplighter.task_run', 'lamplighter.task_cancel']
    .map((table) => `alter table ${table} ${how} row level security`)
    .join('; ');

const DEFECTS: readonly TaskDefect[] = [
  {
    name: 'a rescue does not look for the outcome',
    in: 'lamplighter.settle_lost_run',
    find: 'o where o.run_id = p_run_id',
    replace: 'o where o.run_id = -1',
    noticedBy: [...committed, ...lost],
    says: 'what was rescued is ["t queued"], expected ["t succeeded"]',
  },
  {
    name: 'a rescue does not look whether it was to be cancelled',
    in: 'lamplighter.settle_lost_run',
    find: 'c where c.run_id = p_run_id',
    replace: 'c where c.run_id = -1',
    noticedBy: [...recorded, cancel, ...lost],
    says: 'expected ["t canceled"]',
  },
  {
    name: 'what ran bare is run again',
    in: 'lamplighter.settle_lost_run',
    find: 'v_run.bare_at is not null',
    replace: 'false',
    noticedBy: [...bare, ...lost],
    says: 'expected ["t failed"]',
  },
  {
    name: 'a rescue does not look for the backend',
    in: 'lamplighter.is_task_backend_there',
    find: 'p_pid is not null',
    replace: 'false',
    noticedBy: [...recorded, { do: 'bury', worker: 'work1' }, { do: 'rescue', by: 'work2' }],
    says: 'expected ["t running"]',
  },
  {
    name: 'a loss is charged twice',
    in: 'lamplighter.settle_lost_run',
    find: 'else 1',
    replace: 'else 2',
    noticedBy: [...recorded, ...lost],
    says: '"charge":2',
  },
  {
    name: 'a worker that saw less than the outcome is believed',
    in: 'lamplighter.finish_task',
    find: 'o where o.run_id = p_run_id',
    replace: 'o where o.run_id = -1',
    noticedBy: [...committed, { do: 'finish', task, verdict: 'failed' }],
    says: 'the verdict is "failed", expected "succeeded"',
  },
  {
    name: 'a worker that says more than the outcome is believed',
    in: 'lamplighter.finish_task',
    find: `v_guarantee = 'exactly once'`,
    replace: 'false',
    noticedBy: [...recorded, { do: 'end text', task, how: 'rollback' }, { do: 'finish', task, verdict: 'succeeded' }],
    says: 'the verdict is "succeeded", expected "failed"',
  },
  {
    name: 'a cancel does not reach what runs',
    in: 'lamplighter.finish_task',
    find: 'c where c.run_id = p_run_id',
    replace: 'c where c.run_id = -1',
    noticedBy: [
      ...recorded,
      cancel,
      { do: 'end text', task, how: 'rollback' },
      { do: 'finish', task, verdict: 'failed' },
    ],
    says: 'the verdict is "failed", expected "canceled"',
  },
  {
    name: 'what was cancelled starts all the same',
    in: 'lamplighter.note_task_session',
    find: 'c where c.run_id = p_run_id',
    replace: 'c where c.run_id = -1',
    noticedBy: [queue, { do: 'claim', by: 'work1', limit: 1 }, cancel, { do: 'open', task }],
    says: 'noted is true, expected false',
  },
  {
    name: 'what was cancelled runs bare all the same',
    in: 'lamplighter.mark_task_bare',
    find: 'c where c.run_id = p_run_id',
    replace: 'c where c.run_id = -1',
    noticedBy: [...begun, cancel, { do: 'mark bare', task }],
    says: 'marked is true, expected false',
  },
  {
    name: 'a session records for a task that has ended',
    in: 'lamplighter.is_task_session',
    find: 'select exists (',
    replace: 'select true or exists (',
    noticedBy: [
      ...begun,
      { do: 'release', task, isCharged: false },
      { do: 'finish', task, verdict: 'failed' },
      { do: 'record', task },
    ],
    says: 'the refusal to record is undefined, expected "LL002"',
  },
  {
    name: 'a claim forgets what was cancelled while it ran',
    in: 'lamplighter.claim_tasks',
    find: 'c where c.run_id = v_run_id',
    replace: 'c where c.run_id = -1',
    noticedBy: [
      ...begun,
      { do: 'begin', by: 'ann1' },
      cancel,
      { do: 'lose session', task },
      { do: 'release', task, isCharged: false },
      { do: 'commit', by: 'ann1' },
      { do: 'claim', by: 'work2', limit: 1 },
    ],
    says: 'how many were claimed is 1, expected 0',
  },
  {
    name: 'a crowd goes first',
    in: 'lamplighter.claim_tasks',
    find: 'order by a.load, random()',
    replace: 'order by a.load desc, a.position',
    noticedBy: [
      ...['t1', 't2', 't3', 't4'].map((as): TaskStep => ({ do: 'queue', by: 'ann1', as })),
      { do: 'queue', by: 'bob1', as: 't5' },
      { do: 'claim', by: 'work1', limit: 1 },
      { do: 'claim', by: 'work1', limit: 2 },
      { do: 'claim', by: 'work1', limit: 1 },
    ],
    says: 'has fewer running',
  },
  {
    name: 'roles reach the tasks of others',
    in: { make: rowSecurity('disable'), mend: rowSecurity('enable') },
    noticedBy: [queue, { do: 'cancel', by: 'bob1', task }],
    says: 'what a cancel answered is true, expected false',
  },
];

let stage: TaskStage;
beforeAll(async () => {
  stage = await createTaskStage();
});
afterAll(() => stage[Symbol.asyncDispose]());

test.each(DEFECTS)('$name: noticed', async ({ noticedBy, says, ...defect }) => {
  const mend = await makeDefect(stage.admin, defect);
  const failure = await runTaskSteps(stage, noticedBy).finally(mend);
  expect(failure?.message).toContain(says);
  expect(await runTaskSteps(stage, noticedBy)).toBeUndefined();
});
