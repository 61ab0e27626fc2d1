import type { Clock } from '../core/clock.ts';
import type { Logger } from '../core/log.ts';
import { type Service, startLoop } from '../core/service.ts';
import type { Queryable } from '../db/query.ts';
import { measureQueue } from '../requests/measure-queue.ts';

const INTERVAL_MS = 100;

export interface MeasurerDeps {
  readonly db: Queryable;
  /** Counts up with each request that ended here; while it stands still there is nothing to measure. */
  readonly activity: () => number;
  readonly log: Logger;
  readonly clock: Clock;
}

/** Duty: keeps the count behind `max_queue_size` fresh while requests are ending, so that enqueuers need not count. A hint: safe to miss. */
export function startMeasurer({ db, activity, log, clock }: MeasurerDeps): Service {
  let seen = activity();
  return startLoop({
    intervalMs: INTERVAL_MS,
    async runOnce() {
      const now = activity();
      if (now === seen) return;
      seen = now;
      await measureQueue(db);
    },
    onError: (error) => log.warn({ err: error }, 'could not measure the queue'),
    clock,
  });
}
