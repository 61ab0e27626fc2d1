import pg from 'pg';
import { type FaultServer, startFaultServer } from '../faults/support/fault-server.ts';
import { type CallerJournal, createCallerJournal } from '../history/callers.ts';
import { createHandlerJournal, type HandlerJournal } from '../history/handlers.ts';
import { clearJournal, installJournal } from '../history/journal.ts';
import { type Actor, grantWorker } from '../history/journalling-worker.ts';
import { openSlot, type WorkerSlot } from './worker-slot.ts';

/** Of every worker: charged requests end soon, and what a dead worker held is missed soon. */
export const MAX_RETRIES = 1;
const WORKER = { leaseMs: 2_000, heartbeatMs: 400, concurrency: 3, maxRetries: MAX_RETRIES, provider: { maxBatch: 8 } };
const WORKERS = 3;
const CALLERS = 3;

/** Where a storm takes place: a server of its own, a database, worker processes and the roles of callers. */
export interface Stage extends AsyncDisposable {
  readonly server: FaultServer;
  /** As the superuser; its connections break at any time. */
  readonly db: pg.Pool;
  readonly callerRoles: readonly Actor[];
  readonly slots: readonly WorkerSlot[];
  readonly handlers: HandlerJournal;
  /** Of the present round. */
  readonly callers: CallerJournal;
  /** Begins another round with an empty queue and empty journals; everything must be at rest. */
  reset(): Promise<void>;
}

export async function openStage(): Promise<Stage> {
  const server = await startFaultServer();
  const database = await server.createDatabase();
  const db = new pg.Pool({
    connectionString: database.uri,
    max: 8,
    application_name: 'lamplighter storm',
    connectionTimeoutMillis: 2_000,
    query_timeout: 10_000,
  });
  // Sessions are ended on purpose; a query on one fails where it is made.
  db.on('error', () => undefined);
  await installJournal(db);
  const handlers = createHandlerJournal();
  const callerRoles: Actor[] = [];
  for (let n = 0; n < CALLERS; n += 1) {
    const role = await database.createRole();
    await db.query('select lamplighter.grant_caller($1)', [role.name]);
    callerRoles.push(role);
  }
  const slots: WorkerSlot[] = [];
  for (let n = 0; n < WORKERS; n += 1) {
    const actor = await grantWorker(db, await database.createRole());
    slots.push(openSlot({ ...WORKER, actor, handlers }));
  }
  let callers = createCallerJournal();

  return {
    server,
    db,
    callerRoles,
    slots,
    handlers,
    get callers() {
      return callers;
    },
    async reset() {
      await clearJournal(db);
      handlers.clear();
      callers = createCallerJournal();
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(slots.map((slot) => slot.close()));
      await db.end();
      handlers[Symbol.dispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}
