import type { Clock } from '../core/clock.ts';
import type { Logger } from '../core/log.ts';
import { type Service, startLoop } from '../core/service.ts';
import type { Queryable } from '../db/query.ts';
import { hasSuspects } from '../requests/has-suspects.ts';
import { rescueRequests } from '../requests/rescue-requests.ts';

export interface RescuerDeps {
  readonly db: Queryable;
  readonly maxRetries: number;
  readonly intervalMs: number;
  readonly onSuspects: () => void;
  readonly log: Logger;
  readonly clock: Clock;
}

/**
 * Duty: finds workers whose lease ran out and gives their requests back. Reads and writes workers, requests and suspects in one statement,
 * so that a death halfway changes nothing; any number of workers may do it at once.
 */
export function startRescuer({ db, maxRetries, intervalMs, onSuspects, log, clock }: RescuerDeps): Service {
  return startLoop({
    intervalMs,
    async runOnce() {
      for (const { requestId, workerId, status, isCharged } of await rescueRequests(db, maxRetries)) {
        log.warn({ requestId, deadWorkerId: workerId, status, isCharged }, 'rescued a request from a dead worker');
      }
      if (await hasSuspects(db)) onSuspects();
    },
    onError: (error) => log.warn({ err: error }, 'could not look for dead workers'),
    clock,
  });
}
