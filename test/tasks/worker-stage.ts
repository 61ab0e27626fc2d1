import type pg from 'pg';
import { expect } from 'vitest';
import { withClient } from '../support/admin.ts';
import { eventually } from '../support/eventually.ts';

export interface TaskRow {
  readonly jobid: string;
  readonly username: string;
  readonly status: string | null;
  readonly error_message: string | null;
}

/** Queues a text as the role that the URI logs in as; its id. */
export function enqueueAs(uri: string, text: string, name: string | null = null): Promise<string> {
  return withClient(uri, async (client) => {
    const { rows } = await client.query<{ jobid: string }>('select lantern.async_task($1, $2) as jobid', [text, name]);
    return rows[0]?.jobid ?? '';
  });
}

/** The row of lantern.tasks; undefined when there is none. */
export async function taskOf(db: pg.Pool | pg.Client, jobid: string): Promise<TaskRow | undefined> {
  const { rows } = await db.query<TaskRow>('select * from lantern.tasks where jobid = $1', [jobid]);
  return rows[0];
}

/** The row once it has a status. */
export function untilEnded(db: pg.Pool, jobid: string, timeoutMs = 15_000): Promise<TaskRow> {
  return eventually(
    async () => {
      const task = await taskOf(db, jobid);
      if (task?.status == null) throw new Error(`task ${jobid} has not ended: ${await describe(db, jobid)}`);
      return task;
    },
    { timeoutMs, intervalMs: 10 },
  );
}

/** Resolves with the state and session of the run once it is in that state. */
export function untilState(
  db: pg.Pool,
  jobid: string,
  state: string,
  timeoutMs = 15_000,
): Promise<{ readonly pid: number; readonly attempt: number; readonly reason: string | null }> {
  return eventually(
    async () => {
      const { rows } = await db.query(
        'select state, backend_pid as pid, attempt, reason from lantern.task_status where jobid = $1',
        [jobid],
      );
      if (rows[0]?.state !== state) throw new Error(`task ${jobid} is not ${state}: ${await describe(db, jobid)}`);
      if (state === 'running' && rows[0].pid === null) throw new Error(`task ${jobid} has no session yet`);
      return rows[0];
    },
    { timeoutMs, intervalMs: 10 },
  );
}

async function describe(db: pg.Pool, jobid: string): Promise<string> {
  const { rows } = await db.query('select * from lantern.task_status where jobid = $1', [jobid]);
  return JSON.stringify(rows[0] ?? null);
}

/** Cancels as the role that the URI logs in as; whether it was unfinished. */
export function cancelAs(uri: string, jobid: string): Promise<boolean | undefined> {
  return withClient(uri, async (client) => {
    const { rows } = await client.query<{ was: boolean }>('select lantern.cancel_async_task($1) as was', [jobid]);
    return rows[0]?.was;
  });
}

/** Cancels a task that runs; milliseconds from the commit of that until it has ended, and until its backend is gone. */
export async function timedCancelAs(
  db: pg.Pool,
  uri: string,
  jobid: string,
): Promise<{ readonly endMs: number; readonly goneMs: number }> {
  const { pid } = await untilState(db, jobid, 'running');
  expect(await cancelAs(uri, jobid)).toBe(true);
  const startedMs = performance.now();
  const ended = untilEnded(db, jobid).then((task) => ({ task, ms: performance.now() - startedMs }));
  const gone = eventually(
    async () => expect((await db.query('select from pg_stat_activity where pid = $1', [pid])).rowCount).toBe(0),
    { intervalMs: 10 },
  ).then(() => performance.now() - startedMs);
  const { task, ms } = await ended;
  expect(task).toMatchObject({ status: 'canceled', error_message: 'Canceled by user' });
  return { endMs: ms, goneMs: await gone };
}
