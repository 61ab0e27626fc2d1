import type pg from 'pg';
import { type FaultProxy, startFaultProxy } from '../faults/support/fault-proxy.ts';
import { type FaultServer, promote, startFaultServer } from '../faults/support/fault-server.ts';
import { type CallerJournal, createCallerJournal } from '../history/callers.ts';
import type { Pause } from '../history/check-progress.ts';
import { createHandlerJournal, type HandlerJournal } from '../history/handlers.ts';
import { clearJournal, installJournal } from '../history/journal.ts';
import { type Actor, grantWorker } from '../history/journalling-worker.ts';
import { createTaskCallerJournal, type TaskCallerJournal } from '../history/tasks/task-callers.ts';
import {
  clearTaskJournal,
  createStartJournal,
  installTaskJournal,
  type StartJournal,
} from '../history/tasks/task-journal.ts';
import { openTestPool } from '../support/test-pool.ts';
import { openSlot, type WorkerSlot } from './worker-slot.ts';

/** Of every worker: charged requests end soon, and what a dead worker held is missed soon. */
export const MAX_RETRIES = 1;
/** Generation one by one, as engines do it: neighbours in a batch would wait for a long one. */
const PROVIDER = { maxBatch: 8, generateBatch: 1 };
const WORKER = { leaseMs: 2_000, heartbeatMs: 400, concurrency: 3, maxRetries: MAX_RETRIES, provider: PROVIDER };
/** Of the worker that is never killed: long enough to outlast most of what befalls its connections. */
const STEADY = { leaseMs: 5_000 };
const WORKERS = 3;
const CALLERS = 3;
/** What the roles of tasks have by default: the transactions of one are not like those of the other. */
const TASK_ROLES = ['', "set default_transaction_isolation = 'repeatable read'"] as const;
const TASKS_AT_ONCE = 3;

/** Where a storm takes place: a server of its own, a database, worker processes and the roles of callers. */
export interface Stage extends AsyncDisposable {
  /** Whoever is the primary. */
  readonly server: FaultServer;
  /** Between the primary and all but `db`. */
  readonly proxy: FaultProxy;
  /** As the superuser, to the primary; its connections break at any time. */
  readonly db: pg.Pool;
  readonly callerRoles: readonly Actor[];
  /** Roles that queue tasks. */
  readonly taskRoles: readonly Actor[];
  /** Processes die and freeze in all but the first: what that one strands, no rescue hides. */
  readonly slots: readonly WorkerSlot[];
  readonly handlers: HandlerJournal;
  /** Of the present round. */
  readonly callers: CallerJournal;
  /** Of those who queue tasks, in the present round. */
  readonly taskCallers: TaskCallerJournal;
  readonly taskStarts: StartJournal;
  /** Of functions, in the present round. */
  readonly pauses: Pause[];
  /** Kills the primary and makes its standby the primary, where everybody is led from then on. */
  failOverTo(standby: FaultServer): Promise<void>;
  /** Begins another round with an empty queue and empty journals; everything must be at rest. */
  reset(): Promise<void>;
}

export async function openStage(): Promise<Stage> {
  let server = await startFaultServer();
  const proxy = await startFaultProxy(server.port);
  /** Through which nothing is hit. */
  const calm = await startFaultProxy(server.port);
  const database = await server.createDatabase();
  const db = openTestPool({
    connectionString: calm.through(database.uri),
    max: 8,
    application_name: 'lamplighter storm',
    connectionTimeoutMillis: 2_000,
    query_timeout: 10_000,
  });
  await installJournal(db);
  const handlers = createHandlerJournal();
  const taskStarts = createStartJournal();
  await installTaskJournal(db, taskStarts);
  const callerRoles: Actor[] = [];
  for (let n = 0; n < CALLERS; n += 1) {
    const role = await database.createRole();
    await db.query('select lamplighter.grant_caller($1)', [role.name]);
    callerRoles.push({ ...role, uri: proxy.through(role.uri) });
  }
  const taskRoles: Actor[] = [];
  for (const setting of TASK_ROLES) {
    const role = await database.createRole();
    await db.query('select lamplighter.grant_caller($1)', [role.name]);
    if (setting !== '') await db.query(`alter role ${role.name} ${setting}`);
    taskRoles.push({ ...role, uri: proxy.through(role.uri) });
  }
  const taskLogins = Object.fromEntries(taskRoles.map(({ name, uri }) => [name, uri]));
  const slots: WorkerSlot[] = [];
  for (let n = 0; n < WORKERS; n += 1) {
    const { name, uri } = await grantWorker(db, await database.createRole());
    const actor = { name, uri: proxy.through(uri) };
    const tasks = { taskConcurrency: TASKS_AT_ONCE, taskRoles: taskLogins };
    slots.push(openSlot({ ...WORKER, ...tasks, ...(n === 0 ? STEADY : {}), actor, handlers }));
  }
  let callers = createCallerJournal();
  let taskCallers = createTaskCallerJournal();
  const pauses: Pause[] = [];

  return {
    get server() {
      return server;
    },
    proxy,
    db,
    callerRoles,
    taskRoles,
    slots,
    handlers,
    get callers() {
      return callers;
    },
    get taskCallers() {
      return taskCallers;
    },
    taskStarts,
    pauses,
    async failOverTo(standby) {
      const old = server;
      await old.stop('kill');
      await promote(standby);
      server = standby;
      for (const way of [proxy, calm]) way.pointAt(standby.port);
      await old[Symbol.asyncDispose]();
    },
    async reset() {
      await clearJournal(db);
      await clearTaskJournal(db, taskStarts);
      handlers.clear();
      callers = createCallerJournal();
      taskCallers = createTaskCallerJournal();
      pauses.length = 0;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(slots.map((slot) => slot.close()));
      await db.end();
      handlers[Symbol.dispose]();
      taskStarts[Symbol.dispose]();
      await proxy[Symbol.asyncDispose]();
      await calm[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}
