import { createHash, randomBytes } from 'node:crypto';
import pg from 'pg';
import { type Cast, createCast } from '../roles/cast.ts';
import { startSqlWorker } from '../support/sql-worker.ts';

export interface ClaimedTask {
  readonly run_id: string;
  readonly jobid: string;
  readonly username: string;
  readonly role_oid: number;
  readonly query: string;
  readonly search_path: string;
  readonly attempt: number;
}

export interface LostTask {
  readonly run_id: string;
  readonly jobid: string;
  readonly status: string;
  readonly username: string;
  readonly pid: number | null;
  readonly cancel_key: number | null;
  readonly is_alive: boolean;
  readonly is_cancelled: boolean;
}

/** The session of a task, whose every step the test takes by hand. */
export interface TaskSession {
  readonly client: pg.Client;
  readonly pid: number;
  readonly secret: Buffer;
  /** False when the attempt was fenced off or cancelled. */
  readonly isNoted: boolean;
  /** BEGIN, then the outcome. */
  begin(): Promise<void>;
  markBare(): Promise<boolean>;
  /** Ends it as a worker's death would: without a word to the transaction. */
  kill(): Promise<void>;
}

/** A worker that runs tasks, step by step, logged in as the role with worker rights. */
export interface SqlTaskWorker {
  readonly workerId: string;
  claim(limit?: number, skipRoles?: readonly string[]): Promise<ClaimedTask[]>;
  claimOne(): Promise<ClaimedTask>;
  open(task: ClaimedTask, uri: string): Promise<TaskSession>;
  finish(
    task: ClaimedTask,
    status: string,
    end?: { readonly error?: string; readonly tag?: string; readonly rows?: number },
  ): Promise<string | null>;
  release(
    task: ClaimedTask,
    options?: { readonly reason?: string; readonly delayMs?: number; readonly isCharged?: boolean },
  ): Promise<string | null>;
  rescue(): Promise<LostTask[]>;
  listCancels(): Promise<string[]>;
  /** Declares it dead, as the rescuer does when its lease has run out. */
  die(): Promise<void>;
}

/** A cast of roles with a database of tasks; sessions that are opened through it are ended with it. */
export interface Stage extends AsyncDisposable {
  readonly cast: Cast;
  startWorker(): Promise<SqlTaskWorker>;
  open(uri: string): Promise<pg.Client>;
  /** Queues as that session's role. */
  queue(session: pg.Client, query: string, name?: string): Promise<string>;
  /** The row as the superuser sees it. */
  task(jobid: string): Promise<Record<string, unknown>>;
  status(jobid: string): Promise<Record<string, unknown>>;
  /** Removes all tasks and workers. */
  clear(): Promise<void>;
}

export async function createStage(): Promise<Stage> {
  const cast = await createCast();
  const admin = cast.database.pool;
  const clients: pg.Client[] = [];
  async function open(uri: string) {
    const client = new pg.Client({ connectionString: uri, application_name: 'lamplighter test task' });
    client.on('error', () => undefined);
    await client.connect();
    clients.push(client);
    return client;
  }
  const one = async (text: string, values: unknown[]) => {
    const [row] = (await admin.query<Record<string, unknown>>(text, values)).rows;
    if (row === undefined) throw new Error(`no row: ${text}`);
    return row;
  };
  return {
    cast,
    open,
    async queue(session, query, name) {
      const { rows } = await session.query<{ jobid: string }>('select lantern.async_task($1, $2) as jobid', [
        query,
        name ?? null,
      ]);
      return String(rows[0]?.jobid);
    },
    task: (jobid) => one('select * from lantern.tasks where jobid = $1', [jobid]),
    status: (jobid) => one('select * from lantern.task_status where jobid = $1', [jobid]),
    async startWorker() {
      const worker = await startSqlWorker(cast.sessions.worker);
      return createSqlTaskWorker(cast, worker.workerId, open);
    },
    async clear() {
      await admin.query('truncate lantern.tasks');
      await admin.query(
        'delete from lamplighter.task_run; delete from lamplighter.task_cancel; delete from lamplighter.task_outcome; ' +
          'delete from lamplighter.task_worker; delete from lamplighter.worker',
      );
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(clients.map((client) => client.end().catch(() => undefined)));
      await cast[Symbol.asyncDispose]();
    },
  };
}

function createSqlTaskWorker(cast: Cast, workerId: string, open: (uri: string) => Promise<pg.Client>): SqlTaskWorker {
  const db = cast.sessions.worker;
  async function claim(limit = 10, skipRoles: readonly string[] = []) {
    const { rows } = await db.query<ClaimedTask>('select * from lamplighter.claim_tasks($1, $2, $3)', [
      workerId,
      limit,
      skipRoles,
    ]);
    return rows;
  }
  return {
    workerId,
    claim,
    async claimOne() {
      const [task] = await claim(1);
      if (task === undefined) throw new Error('expected a task that is queued');
      return task;
    },
    open: (task, uri) => openTaskSession(db, workerId, task, () => open(uri)),
    async finish({ run_id, attempt }, status, { error, tag, rows: count } = {}) {
      const { rows } = await db.query<{ status: string | null }>(
        'select lamplighter.finish_task($1, $2, $3, $4, $5, $6, $7) as status',
        [workerId, run_id, attempt, status, error ?? null, tag ?? null, count ?? null],
      );
      return rows[0]?.status ?? null;
    },
    async release({ run_id, attempt }, { reason = 'test', delayMs = 0, isCharged = false } = {}) {
      const { rows } = await db.query<{ status: string | null }>(
        'select lamplighter.release_task($1, $2, $3, $4, $5, $6) as status',
        [workerId, run_id, attempt, reason, delayMs, isCharged],
      );
      return rows[0]?.status ?? null;
    },
    rescue: async () =>
      (await db.query<LostTask>('select * from lamplighter.rescue_tasks($1) order by run_id', [workerId])).rows,
    listCancels: async () =>
      (await db.query<{ run_id: string }>('select run_id from lamplighter.list_task_cancels($1)', [workerId])).rows.map(
        ({ run_id }) => run_id,
      ),
    async die() {
      await cast.database.pool.query(
        `update lamplighter.worker set status = 'dead', died_at = now() where worker_id = $1`,
        [workerId],
      );
    },
  };
}

async function openTaskSession(
  db: pg.Client,
  workerId: string,
  { run_id: runId, attempt }: ClaimedTask,
  connect: () => Promise<pg.Client>,
): Promise<TaskSession> {
  const client = await connect();
  const secret = randomBytes(16);
  const { rows } = await client.query<{ pid: number; backend_start: string; postmaster_start: string }>(
    `select pg_backend_pid() as pid, pg_postmaster_start_time()::text as postmaster_start,
            (select backend_start::text from pg_stat_activity where pid = pg_backend_pid()) as backend_start`,
  );
  const [session] = rows;
  if (session === undefined) throw new Error('no session');
  const noted = await db.query<{ is_noted: boolean }>(
    'select lamplighter.note_task_session($1, $2, $3, $4, $5, $6, $7, $8) as is_noted',
    [
      workerId,
      runId,
      attempt,
      session.pid,
      42,
      session.backend_start,
      session.postmaster_start,
      createHash('sha256').update(secret).digest(),
    ],
  );
  return {
    client,
    pid: session.pid,
    secret,
    isNoted: noted.rows[0]?.is_noted === true,
    async begin() {
      await client.query('begin read write');
      await client.query('select lamplighter.record_task_outcome($1, $2, $3)', [runId, attempt, secret]);
    },
    async markBare() {
      const { rows: marks } = await client.query<{ is_marked: boolean }>(
        'select lamplighter.mark_task_bare($1, $2, $3) as is_marked',
        [runId, attempt, secret],
      );
      return marks[0]?.is_marked === true;
    },
    kill: () => client.end(),
  };
}
