import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { openPool } from '../bench-server.ts';
import { contenderNamed } from '../contenders/registry.ts';
import { readTreeCpu } from '../process-cpu.ts';

const ENTRY = fileURLToPath(new URL('task-worker-process.ts', import.meta.url));
const PASSWORD = 'bench';
const LOOK_MS = 5;

export interface TaskWorkerProcess {
  readonly pid: number;
  cpuSeconds(): Promise<number>;
  kill(signal: 'SIGSTOP' | 'SIGCONT' | 'SIGKILL'): void;
  close(): Promise<void>;
}

/** A database with roles that may queue tasks, and what queues and watches them. */
export interface TaskGround extends AsyncDisposable {
  readonly uri: string;
  /** As the owner. */
  readonly pool: pg.Pool;
  readonly roles: readonly string[];
  uriOf(role: string): string;
  /** A connection of that role, the same one each time. */
  callerOf(role: string): Promise<pg.Client>;
  queue(role: string, text: string, copies?: number): Promise<string>;
  /** Resolves when that task has ended. */
  untilEnded(jobid: string): Promise<void>;
  untilNoneIsLeft(lookMs?: number): Promise<void>;
  untilRunning(jobid: string): Promise<void>;
  /** @param atOnce - tasks. @default 4 */
  startWorker(atOnce?: number): Promise<TaskWorkerProcess>;
}

export async function openTaskGround(uri: string, count: number): Promise<TaskGround> {
  await contenderNamed('lamplighter-batched').migrate(uri);
  const pool = openPool(uri, 4);
  const roles = Array.from({ length: count }, (_, n) => `bench_task_${n}`);
  for (const role of roles) {
    await pool.query(`drop role if exists ${role}`);
    await pool.query(`create role ${role} login password '${PASSWORD}'`);
    await pool.query('select lamplighter.grant_caller($1)', [role]);
  }
  await pool.query(
    'create table started (n integer, at timestamptz); grant all on started to public; grant usage on schema public to public',
  );
  const uriOf = (role: string) => Object.assign(new URL(uri), { username: role, password: PASSWORD }).href;
  const taskRoles = Object.fromEntries(roles.map((role) => [role, uriOf(role)]));
  const callers = new Map<string, pg.Client>();
  const workers = new Set<TaskWorkerProcess>();

  async function callerOf(role: string): Promise<pg.Client> {
    const present = callers.get(role);
    if (present !== undefined) return present;
    const client = new pg.Client(uriOf(role));
    callers.set(role, client);
    await client.connect();
    return client;
  }

  async function until(condition: string, values: readonly unknown[] = [], lookMs = LOOK_MS): Promise<void> {
    const look = async () =>
      (await pool.query<{ is_so: boolean }>(`select ${condition} as is_so`, [...values])).rows[0]?.is_so === true;
    while (!(await look())) await sleep(lookMs);
  }

  return {
    uri,
    pool,
    roles,
    uriOf,
    callerOf,
    async queue(role, text, copies = 1) {
      const { rows } = await (await callerOf(role)).query<{ jobid: string }>(
        'select lantern.async_task($1) as jobid from generate_series(1, $2::integer)',
        [text, copies],
      );
      return rows[0]?.jobid ?? '';
    },
    untilEnded: (jobid) => until('exists (select from lantern.tasks where jobid = $1 and status is not null)', [jobid]),
    untilNoneIsLeft: (lookMs) =>
      until(`not exists (select from lamplighter.task_run where state in ('queued', 'running'))`, [], lookMs),
    untilRunning: (jobid) =>
      until(
        `exists (select from lamplighter.task_run where jobid = $1 and state = 'running' and run_started_at is not null)`,
        [jobid],
      ),
    async startWorker(atOnce = 4) {
      const child = fork(ENTRY, [JSON.stringify({ uri, taskRoles, atOnce })], { execArgv: ['--import', 'tsx'] });
      const worker = wrap(child, () => workers.delete(worker));
      workers.add(worker);
      await Promise.race([
        once(child, 'message'),
        once(child, 'exit').then(() => Promise.reject(new Error('the worker ended'))),
      ]);
      return worker;
    },
    async [Symbol.asyncDispose]() {
      for (const worker of [...workers]) await worker.close();
      for (const client of callers.values()) await client.end();
      for (const role of roles) await pool.query(`drop owned by ${role}; drop role ${role}`);
      await pool.end();
    },
  };
}

function wrap(child: ChildProcess, onClose: () => void): TaskWorkerProcess {
  const pid = child.pid ?? 0;
  return {
    pid,
    cpuSeconds: () => readTreeCpu(pid),
    kill: (signal) => void child.kill(signal),
    async close() {
      onClose();
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    },
  };
}
