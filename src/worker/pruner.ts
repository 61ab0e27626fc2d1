import type { Clock } from '../core/clock.ts';
import type { Logger } from '../core/log.ts';
import type { Troubles } from '../core/recurring-trouble.ts';
import { type Service, startLoop } from '../core/service.ts';
import type { Queryable } from '../db/query.ts';
import { pruneCachedResults, pruneRequests, pruneWorkers } from '../requests/prune-requests.ts';

const INTERVAL_MS = 60_000;
const LIMIT = 5_000;
const WORKER_AGE_MS = 86_400_000;
const FIRST_KEY = Buffer.alloc(0);

export interface PrunerDeps {
  readonly db: Queryable;
  /** Undefined keeps ended requests for ever. */
  readonly retentionMs: number | undefined;
  readonly log: Logger;
  readonly troubles: Troubles;
  readonly clock: Clock;
}

/**
 * Duty: deletes ended requests past their retention, cached answers without a request, and workers that ended a day ago. Small
 * transactions; what a death or a lock leaves over, the next pass takes.
 */
export function startPruner({ db, retentionMs, log, troubles, clock }: PrunerDeps): Service {
  let cacheKey: Buffer = FIRST_KEY;
  return startLoop({
    intervalMs: retentionMs === undefined ? INTERVAL_MS : Math.min(INTERVAL_MS, Math.max(1_000, retentionMs / 2)),
    async runOnce(signal) {
      await pruneWorkers(db, WORKER_AGE_MS);
      cacheKey = (await pruneCachedResults(db, cacheKey, LIMIT)) ?? FIRST_KEY;
      if (retentionMs === undefined) return;
      let pruned: number;
      do {
        pruned = await pruneRequests(db, retentionMs, LIMIT);
        if (pruned > 0) log.info({ pruned }, 'deleted ended requests past their retention');
      } while (pruned === LIMIT && !signal.aborted);
    },
    trouble: troubles.define('prune'),
    clock,
  });
}
