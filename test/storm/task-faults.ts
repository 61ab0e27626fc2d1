import process from 'node:process';
import { hitStatements, holdOpen } from './blows.ts';
import type { Fault } from './faults.ts';
import type { PlannedFault, TaskFaultKind } from './plan.ts';

/** Those that decide twice. */
const STATEMENTS = [
  /claim_tasks/,
  /note_task_session/,
  /record_task_outcome/,
  /mark_task_bare/,
  /^commit$/,
  /history\./,
  /finish_task/,
  /finish_task/,
  /release_task/,
  /rescue_(cancelled_)?tasks/,
  /async_task/,
] as const;

const SESSIONS = `
  select pid from pg_stat_activity
  where datname = current_database() and application_name like 'lamplighter task%'
  order by md5(pid::text || $1::text) limit $2`;

const few = ({ size }: PlannedFault) => Math.ceil(size / 6);

/** What befalls tasks alone, or more often than others. */
export const TASK_FAULTS: Readonly<Record<TaskFaultKind, Fault>> = {
  'hit task statements': ({ proxy }, fault, signal) =>
    hitStatements(proxy, STATEMENTS, fault, Math.ceil(fault.size / 4), signal),
  async 'terminate tasks'({ db }, fault) {
    await db.query(`select pg_terminate_backend(pid) from (${SESSIONS}) as chosen`, [fault.lot, few(fault)]);
  },
  // The server restarts all other backends then, and stays the same server.
  async 'kill backend'({ db }, { lot }) {
    const { rows } = await db.query<{ pid: number }>(SESSIONS, [lot, 1]);
    for (const { pid } of rows) process.kill(pid, 'SIGKILL');
  },
  'lock tasks': (stage, fault, signal) =>
    holdOpen(stage.db, { ...fault, lastsMs: fault.lastsMs / 2 }, signal, async (client) => {
      await client.query(`begin; set local lock_timeout = '1s'; lock table lantern.tasks`);
    }),
  'lock runs': (stage, fault, signal) =>
    holdOpen(stage.db, { ...fault, lastsMs: fault.lastsMs / 2 }, signal, async (client) => {
      await client.query('begin');
      await client.query(
        `select from lamplighter.task_run where finished_at is null order by md5(run_id::text || $1::text) limit $2 for update`,
        [fault.lot, few(fault)],
      );
    }),
  async 'cancel tasks'({ db, taskCallers }, fault) {
    const { rows } = await db.query<{ jobid: string; username: string }>(
      `select jobid::text, username from lamplighter.task_run
       where state in ('queued', 'running') order by state = 'running' desc, md5(run_id::text || $1::text) limit $2`,
      [fault.lot, few(fault)],
    );
    for (const { jobid, username: role } of rows) {
      await taskCallers.cancel({ jobid, role }, async () => {
        const answer = await db.query<{ was: boolean }>('select lantern.cancel_async_task($1) as was', [jobid]);
        return answer.rows[0]?.was === true;
      });
    }
  },
  async 'prune tasks'({ db, taskCallers }) {
    taskCallers.noteDeletes();
    await db.query(`select lamplighter.prune_tasks('1 second', 100)`);
  },
};
