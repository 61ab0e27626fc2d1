import type pg from 'pg';
import { createLogger } from '../../src/core/log.ts';
import { resolveConnection } from '../../src/db/connection/connection-settings.ts';
import { openTaskSession, type TaskSession, type TaskSessionOptions } from '../../src/db/task-session/task-session.ts';
import type { ClaimedTask } from '../../src/tasks/claim-tasks.ts';
import type { RunHooks, TaskEnd } from '../../src/tasks/run.ts';
import { runTask } from '../../src/tasks/run-task.ts';
import { createTextParser } from '../../src/tasks/text-parser.ts';
import { eventually } from '../support/eventually.ts';

/** What is kept of a task that has ended, and what its caller sees. */
export interface EndedTask {
  readonly status: string;
  readonly error: string | null;
  readonly tag: string | null;
  readonly rows: number | null;
  readonly guarantee: string | null;
  readonly attempts: number;
}

export interface RunnerOptions {
  /** A worker's, as owner of the schema; ended by whoever made it. */
  readonly pool: pg.Pool;
  /** The login of the task's role, perhaps through a proxy. */
  readonly uri: string;
  readonly session?: TaskSessionOptions;
  /** Called with the session of each attempt before the task runs in it. */
  readonly onSession?: (session: TaskSession, task: ClaimedTask) => Promise<void> | void;
}

/** A worker of the simplest kind: it claims a task, runs it, records the verdict, and does that again until the task has ended. */
export interface Runner extends AsyncDisposable {
  readonly workerId: string;
  /** Claims what is queued; fails when nothing is. */
  claim(): Promise<ClaimedTask>;
  /** One attempt, of which nothing is recorded: as if the worker died then. */
  run(task: ClaimedTask): Promise<TaskEnd>;
  record(task: ClaimedTask, end: TaskEnd): Promise<void>;
  /** One attempt, and its record. */
  attempt(task: ClaimedTask): Promise<TaskEnd>;
  /** Settles what other workers have lost, and runs the task until it has ended. */
  settle(jobid: string): Promise<EndedTask>;
}

export async function startRunner({ pool, uri, session: options = {}, onSession }: RunnerOptions): Promise<Runner> {
  const parser = createTextParser();
  const log = createLogger({ level: 'silent' });
  const value = async <T>(text: string, params: readonly unknown[]): Promise<T> =>
    (await pool.query<{ value: T }>(`select ${text} as value`, [...params])).rows[0]?.value as T; // one column of one row
  const workerId = await value<string>('lamplighter.register_worker($1, 1, $2, $3, 1, 60000)', ['test', '0', []]);

  async function claim(): Promise<ClaimedTask> {
    const { rows } = await pool.query<Record<string, string>>('select * from lamplighter.claim_tasks($1, 1, $2)', [
      workerId,
      [],
    ]);
    const [row] = rows;
    if (row === undefined) throw new Error('expected a task that is queued');
    return {
      runId: String(row['run_id']),
      jobid: String(row['jobid']),
      username: String(row['username']),
      roleOid: Number(row['role_oid']),
      text: String(row['query']),
      searchPath: String(row['search_path']),
      attempt: Number(row['attempt']),
    };
  }

  /** Over outages of the server, as a worker does. */
  const insist = <T>(work: () => Promise<T>) => eventually(work, { timeoutMs: 15_000, intervalMs: 50 });

  async function record(task: ClaimedTask, end: TaskEnd): Promise<void> {
    if (end.kind === 'ended' || end.kind === 'fenced') {
      const { status, errorMessage, commandTag, rowCount } =
        end.kind === 'ended' ? end : { status: 'canceled', errorMessage: null, commandTag: null, rowCount: null };
      const params = [workerId, task.runId, task.attempt, status, errorMessage, commandTag, rowCount];
      await insist(() => value('lamplighter.finish_task($1, $2, $3, $4, $5, $6, $7)', params));
      return;
    }
    await insist(async () => {
      const params = [workerId, task.runId, task.attempt, end.reason, end.kind === 'lost'];
      const state = await value<string | null>('lamplighter.release_task($1, $2, $3, $4, 0, $5)', params);
      if (state === 'running') throw new Error('the backend of a lost session does not end');
    });
  }

  async function run(task: ClaimedTask): Promise<TaskEnd> {
    const session = await insist(() => openTaskSession(resolveConnection({ uri }, {}), options));
    await onSession?.(session, task);
    const noteSession: RunHooks['noteSession'] = ({ secretHash, guarantee }) =>
      value('lamplighter.note_task_session($1, $2, $3, $4, $5, $6, $7, $8, $9)', [
        workerId,
        task.runId,
        task.attempt,
        session.facts.pid,
        session.facts.cancelKey,
        session.facts.backendStart,
        session.facts.postmasterStart,
        secretHash,
        guarantee,
      ]);
    const end = await runTask(session, task, { db: pool, parser, log, noteSession });
    await session.end();
    return end;
  }

  async function attempt(task: ClaimedTask): Promise<TaskEnd> {
    const end = await run(task);
    await record(task, end);
    return end;
  }

  async function settle(jobid: string): Promise<EndedTask> {
    return eventually(
      async () => {
        const { rows } = await pool.query<EndedTask & { state: string }>(
          `select state as status, state, error_message as error, command_tag as tag, row_count::int as rows, guarantee, attempt as attempts
           from lamplighter.task_run where jobid = $1`,
          [jobid],
        );
        const [run] = rows;
        if (run === undefined) throw new Error('the run is gone');
        const { state, ...ended } = run;
        if (state !== 'queued' && state !== 'running') return ended;
        if (state === 'running') await pool.query('select * from lamplighter.rescue_tasks($1)', [workerId]);
        if (state === 'queued') await attempt(await claim());
        throw new Error(`the task is still ${state}`);
      },
      { timeoutMs: 20_000 },
    );
  }

  return {
    workerId,
    claim,
    run,
    record,
    attempt,
    settle,
    async [Symbol.asyncDispose]() {
      await parser.stop();
    },
  };
}

/** Queues a text as the role of `uri`; the job's id. */
export async function queueTask(uri: string, text: string, setup = ''): Promise<string> {
  const session = await openTaskSession(resolveConnection({ uri }, {}));
  try {
    if (setup !== '') await session.run(setup);
    const [row] = await session.query('select lantern.async_task($1) as jobid', [text]);
    return String(row?.['jobid']);
  } finally {
    await session.end();
  }
}
