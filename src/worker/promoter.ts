import type { Clock } from '../core/clock.ts';
import type { Logger } from '../core/log.ts';
import { type Service, startLoop } from '../core/service.ts';
import type { Queryable } from '../db/query.ts';
import { promoteRequests } from '../requests/promote-requests.ts';

const INTERVAL_MS = 500;
const LIMIT = 1_000;

export interface PromoterDeps {
  readonly db: Queryable;
  readonly onPromoted: () => void;
  readonly log: Logger;
  readonly clock: Clock;
}

/** Duty: makes requests ready whose delay is over. One statement at a time; what it does not get to, the next pass or worker does. */
export function startPromoter({ db, onPromoted, log, clock }: PromoterDeps): Service {
  return startLoop({
    intervalMs: INTERVAL_MS,
    async runOnce(signal) {
      let promoted: number;
      do {
        promoted = await promoteRequests(db, LIMIT);
        if (promoted > 0) onPromoted();
      } while (promoted === LIMIT && !signal.aborted);
    },
    onError: (error) => log.warn({ err: error }, 'could not promote delayed requests'),
    clock,
  });
}
