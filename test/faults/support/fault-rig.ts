import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import { expect } from 'vitest';
import { type CallerJournal, createCallerJournal } from '../../history/callers.ts';
import { checkHistory, type HistoryOptions } from '../../history/check-history.ts';
import { createHandlerJournal, type HandlerJournal } from '../../history/handlers.ts';
import { installJournal } from '../../history/journal.ts';
import { type Actor, grantWorker, type JournallingWorkerOptions } from '../../history/journalling-worker.ts';
import { eventually } from '../../support/eventually.ts';
import { embed, generate, type RequestRow, rowsOf } from '../../support/requests.ts';
import { openTestPool } from '../../support/test-pool.ts';

/** Where a rig stands: a database of the run's server, or of one that the test may break. */
export interface FaultDatabase {
  /** The superuser's. */
  readonly uri: string;
  createRole(name?: string): Promise<Actor>;
}

/** A lease as short as a busy machine allows, so that what hangs is given up within a second. */
export const SHORT_LEASE = { leaseMs: 2_000, heartbeatMs: 250 } as const;

export interface Rig extends AsyncDisposable {
  /** Leads to the database by whichever way was given last; its connections may break at any time. */
  readonly pool: pg.Pool;
  readonly callers: CallerJournal;
  readonly handlers: HandlerJournal;
  /** What a journalling worker needs: a login of its own, with the rights of a worker. */
  worker(options?: Partial<JournallingWorkerOptions>): Promise<JournallingWorkerOptions>;
  /** Queues texts and generations in equal parts, journals them, and returns the request ids. */
  enqueue(count: number, steps?: string): Promise<string[]>;
  /** Queues a few requests every few milliseconds until stopped, and goes on when it cannot; how many calls were answered and how many not. */
  startCaller(): Caller;
  /** Resolves with these requests when workers are at them. */
  untilHeld(ids: readonly string[]): Promise<RequestRow[]>;
  /** Resolves when a worker has started and looked for dead ones since. */
  untilAtWork(workerId: string): Promise<void>;
  /** Leads the callers elsewhere from now on. */
  reroute(uri: string): Promise<void>;
  /** Resolves when every request has ended, and fails with what the history has broken, and with what was charged for the fault. */
  expectProven(options?: ProofOptions): Promise<void>;
}

export interface ProofOptions extends Partial<HistoryOptions> {
  /** @default 15000 */
  readonly timeoutMs?: number;
  /** True when requests may have failed for reasons of their own. @default false */
  readonly mayCharge?: boolean;
}

export interface Caller {
  readonly accepted: number;
  readonly failed: number;
  stop(): Promise<void>;
}

/** Journals of a database's queue, and callers; the database has a queue that is empty. */
export async function createRig(database: FaultDatabase): Promise<Rig> {
  let pool = openPool(database.uri);
  await installJournal(pool);
  const callers = createCallerJournal();
  const handlers = createHandlerJournal();
  const stops: (() => Promise<void>)[] = [];

  async function enqueue(count: number, steps = ''): Promise<string[]> {
    const texts = Array.from({ length: count }, () => callers.unique(`${steps} request`.trimStart()));
    const middle = Math.ceil(count / 2);
    const ids = await callers.enqueue(texts.slice(0, middle), (sent) => embed(pool, sent));
    for (const text of texts.slice(middle)) {
      ids.push(...(await callers.enqueue([text], async () => [await generate(pool, text)])));
    }
    return ids;
  }

  return {
    get pool() {
      return pool;
    },
    callers,
    handlers,
    async worker(options = {}) {
      const actor = await grantWorker(pool, await database.createRole());
      return { ...SHORT_LEASE, provider: { maxBatch: 4 }, actor, handlers, ...options };
    },
    enqueue,
    startCaller() {
      let accepted = 0;
      let failed = 0;
      let isStopped = false;
      const call = async () => {
        while (!isStopped) {
          try {
            await enqueue(4, '!sleep:5');
            accepted += 1;
          } catch {
            failed += 1;
          }
          await delay(20);
        }
      };
      const done = call();
      const stop = async () => {
        isStopped = true;
        await done;
      };
      stops.push(stop);
      return {
        get accepted() {
          return accepted;
        },
        get failed() {
          return failed;
        },
        stop,
      };
    },
    untilHeld: (ids) =>
      eventually(async () => {
        const rows = await rowsOf(pool, ids);
        expect(rows.map(({ status }) => status)).toEqual(ids.map(() => 'processing'));
        return rows;
      }),
    untilAtWork: (workerId) =>
      eventually(async () => {
        const { rows } = await pool.query<{ renewals: number }>(
          `select extract(epoch from last_heartbeat - started_at)::float8 * 1000 / $2 as renewals
           from lamplighter.worker where worker_id = $1`,
          [workerId, SHORT_LEASE.heartbeatMs],
        );
        expect(rows[0]?.renewals).toBeGreaterThan(1.5);
      }),
    async reroute(uri) {
      const old = pool;
      pool = openPool(uri);
      await old.end();
    },
    async expectProven({ timeoutMs = 15_000, mayCharge = false, ...options } = {}) {
      await eventually(
        async () => {
          const { rows } = await pool.query(
            `select status, count(*) from steadytext_queue where status in ('pending', 'processing') group by status`,
          );
          expect(rows).toEqual([]);
        },
        { timeoutMs, intervalMs: 50 },
      );
      expect(await checkHistory(pool, { callers, handlers, ...options })).toEqual([]);
      if (!mayCharge) expect(await charged(pool)).toEqual([]);
    },
    async [Symbol.asyncDispose]() {
      for (const stop of stops) await stop();
      await pool.end();
      handlers[Symbol.dispose]();
    },
  };
}

/** Requests that did not complete, or that were charged for what was not their fault. */
async function charged(pool: pg.Pool): Promise<unknown[]> {
  const { rows } = await pool.query(
    `select request_id, status, retry_count, error from steadytext_queue where status <> 'completed' or retry_count > 0`,
  );
  return rows;
}

function openPool(uri: string): pg.Pool {
  return openTestPool({ connectionString: uri, max: 4, connectionTimeoutMillis: 2_000, query_timeout: 10_000 });
}
