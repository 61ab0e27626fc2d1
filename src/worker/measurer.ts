import type { Clock } from '../core/clock.ts';
import type { Troubles } from '../core/recurring-trouble.ts';
import { type Service, startLoop } from '../core/service.ts';
import type { Queryable } from '../db/query.ts';
import { measureQueue } from '../requests/measure-queue.ts';

const INTERVAL_MS = 100;

export interface MeasurerDeps {
  readonly db: Queryable;
  /** Counts up with each request that ended here; while it stands still there is nothing to measure. */
  readonly activity: () => number;
  readonly troubles: Troubles;
  readonly clock: Clock;
}

/** Duty: keeps the count behind `max_queue_size` fresh while requests are ending, so that enqueuers need not count. A hint: safe to miss. */
export function startMeasurer({ db, activity, troubles, clock }: MeasurerDeps): Service {
  let seen = activity();
  return startLoop({
    intervalMs: INTERVAL_MS,
    async runOnce() {
      const now = activity();
      if (now === seen) return;
      seen = now;
      await measureQueue(db);
    },
    trouble: troubles.define('measure the queue'),
    clock,
  });
}
