import { requireEqual } from '../verdict.ts';
import { stateSeenBy, type TaskModel, type Worker } from './task-model.ts';
import type { TaskStage } from './task-stage.ts';
import { CALLERS } from './task-steps.ts';

const LOOK = `
  select r.job_name as label, r.state, r.attempt, r.charge, r.worker_id::text, r.bare_at is not null as is_bare, t.status,
         t.duration is not null as has_duration, exists (select from lamplighter.task_outcome as o where o.run_id = r.run_id) as has_outcome
  from lamplighter.task_run as r left join lantern.tasks as t using (jobid)
  order by r.job_name`;

/** Compares all tasks with the model, and what one of the callers sees, each in turn. */
export async function compareTasks(
  { admin, callerOf }: TaskStage,
  model: TaskModel,
  idOf: (worker: Worker) => string,
  stepNumber: number,
): Promise<void> {
  const committed = [...model.tasks.values()].filter(({ queuedBy }) => queuedBy === undefined);
  const expected = committed
    .filter(({ isDeleted }) => !isDeleted)
    .map((task) => {
      const isUnfinished = task.state === 'queued' || task.state === 'running';
      return {
        label: task.label,
        state: task.state,
        attempt: task.attempt,
        charge: task.charge,
        // Who ran it last stays with what has ended.
        worker_id: task.state !== 'running' || task.holder === undefined ? 'any' : idOf(task.holder),
        is_bare: task.isBare,
        status: isUnfinished ? null : task.state,
        has_duration: !isUnfinished,
        has_outcome: isUnfinished && task.hasOutcome,
      };
    });
  const { rows } = await admin.query<(typeof expected)[number]>(LOOK);
  const found = rows.map((row) => ({ ...row, worker_id: row.state === 'running' ? row.worker_id : 'any' }));
  requireEqual('the tasks', found, expected.sort(byLabel));
  const { rows: effects } = await admin.query<{ label: string; n: number }>(
    'select label, count(*)::int as n from effect group by label order by label',
  );
  const taken = committed.filter((task) => task.effects > 0).map(({ label, effects: n }) => ({ label, n }));
  requireEqual('the effects', effects, taken.sort(byLabel));
  const by = CALLERS[stepNumber % CALLERS.length] ?? 'ann1';
  const seen = [...model.tasks.values()].flatMap((task) => {
    const state = stateSeenBy(task, by);
    return state === undefined ? [] : [{ label: task.label, state }];
  });
  const { rows: shown } = await callerOf(by).query(
    'select s.job_name as label, s.state from lantern.task_status as s order by s.job_name',
  );
  requireEqual(`what ${by} sees`, shown, seen.sort(byLabel));
}

const byLabel = (a: { readonly label: string }, b: { readonly label: string }) => (a.label < b.label ? -1 : 1);
