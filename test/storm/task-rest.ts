import type { TaskViolation } from '../history/tasks/task-violation.ts';
import { eventually } from '../support/eventually.ts';
import type { Stage } from './stage.ts';

/** Tasks whose lives are shown. */
const MOST_LIVES = 8;

/** Cancels what ends in no other way, those included of which no caller was told. */
export async function cancelEndlessTasks({ db, taskCallers }: Stage): Promise<void> {
  await eventually(
    async () => {
      const { rows } = await db.query<{ jobid: string; username: string }>(
        `select jobid::text, username from lamplighter.task_run where state in ('queued', 'running') and job_name like '%endless%'`,
      );
      for (const { jobid, username: role } of rows) {
        await taskCallers.cancel({ jobid, role }, async () => {
          const answer = await db.query<{ was: boolean }>('select lantern.cancel_async_task($1) as was', [jobid]);
          return answer.rows[0]?.was === true;
        });
      }
    },
    { timeoutMs: 20_000 },
  );
}

/** Resolves when all have ended and `lantern.tasks` says so; what was put off runs at once. */
export async function expectTasksAtRest({ db }: Stage): Promise<void> {
  await db.query(`update lamplighter.task_run set not_before = null where not_before is not null and state = 'queued'`);
  const { rows } = await db.query(
    'select from lamplighter.task_run where finished_at is null or not is_projected limit 1',
  );
  if (rows.length > 0) throw new Error('the tasks are not at rest');
}

/** How many ended how. */
export async function countTaskEnds({ db }: Stage): Promise<string> {
  const { rows } = await db.query<{ counts: string | null }>(
    `select string_agg(format('%s %s', n, state), ', ' order by state) as counts
     from (select state, count(*) as n from lamplighter.task_run group by state) as c`,
  );
  return rows[0]?.counts ?? '';
}

/** What happened to the tasks that violations speak of, a line for each change. */
export async function describeTaskLives(
  { db, taskCallers }: Stage,
  violations: readonly TaskViolation[],
): Promise<string[]> {
  const keys = [...new Set(violations.map(({ task }) => task))].slice(0, MOST_LIVES);
  const { rows } = await db.query<{ line: string }>(
    `select format('%s #%s %s by %s%s%s: %s -> %s, attempt %s, charge %s, worker %s, pid %s, %s, %s', coalesce(c.after, c.before) ->> 'job_name', c.seq,
              c.at::time, c.actor, case when c.is_backend_there then ', backend there' end, case when c.is_holder_over then ', holder over' end,
              c.before ->> 'state', c.after ->> 'state', c.after ->> 'attempt', c.after ->> 'charge', c.after ->> 'worker_id', c.after ->> 'pid',
              coalesce(c.after ->> 'bare_at', 'not bare'), coalesce(c.after ->> 'error_message', c.after ->> 'reason')) as line
     from history.run_change as c where coalesce(c.after, c.before) ->> 'job_name' = any ($1) order by c.seq`,
    [keys],
  );
  const { rows: ids } = await db.query<{ jobid: string; key: string }>(
    `select distinct coalesce(c.after, c.before) ->> 'jobid' as jobid, coalesce(c.after, c.before) ->> 'job_name' as key
     from history.run_change as c where coalesce(c.after, c.before) ->> 'job_name' = any ($1)`,
    [keys],
  );
  // Not by what callers were told: who lost the answer knows no id.
  const keyOf = new Map(ids.map(({ jobid, key }) => [jobid, key]));
  const clock = (ms: number) => new Date(ms).toISOString().slice(11, 23);
  const cancels = taskCallers.cancels.flatMap(({ jobid, role, answer, fromMs, toMs }) => {
    const key = jobid === undefined ? `all of ${role}` : keyOf.get(jobid);
    return key === undefined ? [] : [`${key}: cancelled from ${clock(fromMs)} to ${clock(toMs)}, answer ${answer}`];
  });
  return [...rows.map(({ line }) => line), ...cancels];
}
