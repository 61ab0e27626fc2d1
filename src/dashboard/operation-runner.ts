import type { Clock } from '../core/clock.ts';
import type { Trouble } from '../core/recurring-trouble.ts';
import { type Service, startLoop } from '../core/service.ts';
import type { Queryable } from '../db/query.ts';
import { classifySqlState } from '../db/sqlstate.ts';
import { runOperations } from '../operations/run-operations.ts';
import type { DashboardDb } from './dashboard-db.ts';

const HELD_MS = 500;
const LOOK_MS = 5_000;

/** Works off operations, whoever began them. */
export interface OperationRunner extends Service {
  /** There may be something to do. */
  wake(): void;
}

export interface OperationRunnerDeps {
  readonly db: DashboardDb;
  /** Looks every five seconds, unasked. */
  readonly isPermanent: boolean;
  /** A step was made. */
  readonly onStep: () => void;
  readonly trouble: Trouble;
  readonly clock: Clock;
}

/**
 * Duty: to work off operations, beside the workers that do the same. Reads and writes what `lamplighter.step_operations` does. A role that may
 * not run it leaves all to the workers.
 */
export function createOperationRunner({
  db,
  isPermanent,
  onStep,
  trouble,
  clock,
}: OperationRunnerDeps): OperationRunner {
  const stopping = new AbortController();
  const { signal } = stopping;
  let isAllowed = true;
  let isAskedAgain = false;
  let running: Promise<void> | undefined;

  const steps: Queryable = {
    async query<Row extends object>(text: string, params?: readonly unknown[]) {
      const result = await db.write((transaction) => transaction.query<Row>(text, params));
      onStep();
      return result;
    },
  };

  async function hasUnfinished(): Promise<boolean> {
    const { rows } = await db.read((transaction) =>
      transaction.query<{ is_running: boolean }>(
        `select exists (select from lamplighter.operation as o where o.state = 'running') as is_running`,
      ),
    );
    return rows[0]?.is_running === true;
  }

  async function workOff(): Promise<void> {
    try {
      while (!signal.aborted && (await hasUnfinished())) {
        await runOperations(steps, signal);
        // What others have locked waits, and so does what another process works off.
        await clock.delay(HELD_MS, signal);
      }
      trouble.settle();
    } catch (error) {
      if (classifySqlState(error) === 'permission') isAllowed = false;
      else if (!signal.aborted) trouble.note(error);
    }
  }

  function wake(): void {
    if (!isAllowed || signal.aborted) return;
    if (running !== undefined) {
      isAskedAgain = true;
      return;
    }
    isAskedAgain = false;
    running = workOff().then(() => {
      running = undefined;
      if (isAskedAgain) wake();
    });
  }

  const loop = isPermanent
    ? startLoop({
        intervalMs: LOOK_MS,
        runOnce() {
          wake();
          return Promise.resolve();
        },
        trouble,
        clock,
      })
    : undefined;

  return {
    wake,
    async stop() {
      stopping.abort();
      await loop?.stop();
      await running;
    },
  };
}
