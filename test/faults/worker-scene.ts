import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest';
import { createWorker } from '../../src/worker/create-worker.ts';
import type { Worker } from '../../src/worker/worker.ts';
import { type CallerJournal, createCallerJournal } from '../history/callers.ts';
import { checkHistory, type HistoryOptions } from '../history/check-history.ts';
import { createHandlerJournal, type HandlerJournal, journalAnswers } from '../history/handlers.ts';
import { clearJournal, installJournal } from '../history/journal.ts';
import {
  type Actor,
  grantWorker,
  type JournallingWorkerOptions,
  spawnJournallingWorker,
} from '../history/journalling-worker.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { embed, type RequestRow, rowsOf, untilStatus } from '../support/requests.ts';
import { createTestProvider } from '../support/test-runtime.ts';
import type { WorkerProcess } from '../support/test-worker.ts';

/** Short enough for a test, long enough for a busy machine. */
export const SHORT_LEASE = { leaseMs: 1_200, heartbeatMs: 250 } as const;

/** One database for the tests of a file, with a history that begins anew for each test. */
export interface Scene {
  readonly db: TestDatabase;
  readonly callers: CallerJournal;
  readonly handlers: HandlerJournal;
  /** Who the spawned worker is, and who the local one. */
  readonly victim: Actor;
  readonly rescuer: Actor;
  /** A worker process, logged in as the victim unless said otherwise. */
  spawn(options?: Partial<JournallingWorkerOptions>): Promise<WorkerProcess>;
  /** A worker in this process, logged in as the rescuer; stopped with the test. */
  startRescuer(): Promise<Worker>;
  /** Queues one embedding for each text, which is made unique, in one statement. */
  embed(texts: readonly string[]): Promise<string[]>;
  /** The rows once all are completed; each is noted as seen. */
  untilCompleted(ids: readonly string[]): Promise<RequestRow[]>;
  rows(ids: readonly string[]): Promise<RequestRow[]>;
  expectGoodHistory(options?: Partial<HistoryOptions>): Promise<void>;
}

/** Registers the hooks that set the scene; its parts are there from the first `beforeEach` on. */
export function useScene(): Scene {
  let db: TestDatabase;
  let callers: CallerJournal;
  let handlers: HandlerJournal;
  let victim: Actor;
  let rescuer: Actor;
  const workers: Worker[] = [];

  beforeAll(async () => {
    db = await createTestDatabase();
    await installJournal(db.pool);
    victim = await grantWorker(db.pool, await db.createRole('victim'));
    rescuer = await grantWorker(db.pool, await db.createRole('rescuer'));
  });
  beforeEach(async () => {
    await clearJournal(db.pool);
    await db.pool.query('delete from lamplighter.worker; delete from lamplighter.quarantine');
    callers = createCallerJournal();
    handlers = createHandlerJournal();
  });
  afterEach(async () => {
    await Promise.all(workers.splice(0).map((worker) => worker.stop({ isImmediate: true })));
    handlers[Symbol.dispose]();
  });
  afterAll(() => db[Symbol.asyncDispose]());

  return {
    get db() {
      return db;
    },
    get callers() {
      return callers;
    },
    get handlers() {
      return handlers;
    },
    get victim() {
      return victim;
    },
    get rescuer() {
      return rescuer;
    },
    spawn: (options) => spawnJournallingWorker({ actor: victim, handlers, ...SHORT_LEASE, ...options }),
    async startRescuer() {
      const worker = await createWorker({
        uri: rescuer.uri,
        ...SHORT_LEASE,
        pollIntervalMs: 100,
        embedModel: 'test/model',
        generateModel: 'test/model',
        rerankModel: 'test/model',
        providers: [journalAnswers(createTestProvider(), rescuer.name, handlers.file)],
      });
      workers.push(worker);
      return worker;
    },
    embed: (texts) => callers.enqueue(texts.map(callers.unique), (unique) => embed(db.pool, unique)),
    async untilCompleted(ids) {
      const rows = await untilStatus(db.pool, ids, 'completed', { timeoutMs: 15_000 });
      for (const { request_id, status, result } of rows) callers.see(request_id, status, result ?? '');
      return rows;
    },
    rows: (ids) => rowsOf(db.pool, ids),
    async expectGoodHistory(options) {
      expect(await checkHistory(db.pool, { callers, handlers, ...options })).toEqual([]);
    },
  };
}
