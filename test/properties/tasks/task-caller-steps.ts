import { requireEqual } from '../verdict.ts';
import { change, isLockedFor, type ModelTask, stateSeenBy, type TaskModel } from './task-model.ts';
import type { TaskStage } from './task-stage.ts';
import { type CallerName, roleOf, type TaskStep } from './task-steps.ts';

export type CallerStep = Extract<TaskStep, { readonly by: CallerName }>;

/** What a caller does, perhaps in a transaction that stays open; false when it makes no sense, or would wait for somebody else's. */
export async function takeCallerStep(stage: TaskStage, model: TaskModel, step: CallerStep): Promise<boolean> {
  const { by } = step;
  const db = stage.callerOf(by);
  const isOpen = model.transactions.has(by);
  switch (step.do) {
    case 'begin':
      if (isOpen) return false;
      await db.query('begin');
      model.transactions.set(by, []);
      return true;
    case 'commit':
    case 'rollback':
      if (!isOpen) return false;
      await db.query(step.do);
      endTransaction(model, by, step.do === 'commit');
      return true;
    case 'queue': {
      if (model.tasks.has(step.as)) return false;
      await db.query(`select lantern.async_task('select 1', $1)`, [step.as]);
      queue(model, by, step.as);
      return true;
    }
    case 'cancel': {
      const task = model.tasks.get(step.task);
      if (task === undefined || wouldWait(task, by)) return false;
      const { rows } = await db.query<{ was: boolean }>(
        `select lantern.cancel_async_task(coalesce((select t.jobid from lantern.tasks as t where t.job_name = $1), 0)) as was`,
        [step.task],
      );
      requireEqual('what a cancel answered', rows[0]?.was, cancel(model, task, by));
      return true;
    }
    case 'cancel all': {
      const own = [...model.tasks.values()].filter(({ role }) => role === roleOf(by));
      if (own.some((task) => wouldWait(task, by))) return false;
      const { rows } = await db.query<{ count: string }>('select lantern.cancel_all_async_tasks() as count');
      const count = own.filter((task) => cancel(model, task, by)).length;
      requireEqual('how many were cancelled', Number(rows[0]?.count), count);
      return true;
    }
    case 'delete': {
      const task = model.tasks.get(step.task);
      if (task === undefined || wouldWait(task, by)) return false;
      const { rowCount } = await db.query('delete from lantern.tasks where job_name = $1', [step.task]);
      const state = stateSeenBy(task, by);
      const isEnded = state !== undefined && state !== 'queued' && state !== 'running';
      requireEqual('how many were deleted', rowCount, isEnded ? 1 : 0);
      if (!isEnded) return true;
      task.own = { by, state: 'gone' };
      change(model, by, () => {
        task.own = undefined;
        task.isDeleted = true;
      });
      return true;
    }
  }
}

const wouldWait = (task: ModelTask, by: CallerName) => isLockedFor(task, by) && task.role === roleOf(by);

function queue(model: TaskModel, by: CallerName, label: string): void {
  const task: ModelTask = {
    label,
    role: roleOf(by),
    number: model.queued,
    queuedBy: by,
    state: 'queued',
    attempt: 0,
    charge: 0,
    holder: undefined,
    session: undefined,
    hasOutcome: false,
    isBare: false,
    isCancelled: false,
    own: undefined,
    isDeleted: false,
    effects: 0,
  };
  model.queued += 1;
  model.tasks.set(label, task);
  change(model, by, () => {
    task.queuedBy = undefined;
  });
}

/** Whether it was unfinished, as that caller sees it. */
function cancel(model: TaskModel, task: ModelTask, by: CallerName): boolean {
  const state = stateSeenBy(task, by);
  if (state === 'queued') {
    task.own = { by, state: 'canceled' };
    change(model, by, () => {
      task.own = undefined;
      task.state = 'canceled';
    });
  } else if (state === 'running') {
    // Whoever runs it is told by the commit; it may have gone back to the queue by then, or have ended.
    change(model, by, () => {
      task.isCancelled = true;
    });
  }
  return state === 'queued' || state === 'running';
}

function endTransaction(model: TaskModel, by: CallerName, isCommitted: boolean): void {
  const pending = model.transactions.get(by) ?? [];
  model.transactions.delete(by);
  if (isCommitted) for (const apply of pending) apply();
  for (const task of [...model.tasks.values()]) {
    if (task.own?.by === by) task.own = undefined;
    if (task.queuedBy === by) model.tasks.delete(task.label);
  }
}
