import type { Clock } from '../../core/clock.ts';
import type { Troubles } from '../../core/recurring-trouble.ts';
import { type Service, startLoop } from '../../core/service.ts';
import type { Queryable } from '../../db/query.ts';
import { setTaskReasons } from '../../tasks/task-upkeep.ts';

/** How often it is said again though nothing has changed: somebody may have deleted the row. */
const INTERVAL_MS = 60_000;

export interface ReasonPublisherDeps {
  readonly db: Queryable;
  readonly workerId: () => string;
  readonly concurrency: number;
  /** Why each role cannot be served at present. */
  readonly reasons: ReadonlyMap<string, string>;
  readonly troubles: Troubles;
  readonly clock: Clock;
}

export interface ReasonPublisher extends Service {
  /** The reasons have changed. */
  wake(): void;
  /** Publishes once more when the worker goes on under another id. */
  noteWorkerId(): void;
}

/** Duty: tells lantern.task_status that this worker runs tasks, and which roles it cannot serve. If it dies, its lease tells. */
export function startReasonPublisher(deps: ReasonPublisherDeps): ReasonPublisher {
  const { db, workerId, concurrency, reasons, troubles, clock } = deps;
  let toldFor: string | undefined;
  const loop = startLoop({
    intervalMs: INTERVAL_MS,
    async runOnce() {
      const id = workerId();
      await setTaskReasons(db, id, { concurrency, reasons });
      toldFor = id;
    },
    trouble: troubles.define('tell which roles it serves'),
    clock,
  });
  return {
    wake: () => loop.wake(),
    noteWorkerId() {
      if (toldFor !== workerId()) loop.wake();
    },
    stop: () => loop.stop(),
  };
}
