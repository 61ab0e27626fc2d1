import type { Clock } from '../core/clock.ts';
import type { Troubles } from '../core/recurring-trouble.ts';
import { type Service, startLoop } from '../core/service.ts';
import type { Queryable } from '../db/query.ts';
import { promoteRequests } from '../requests/promote-requests.ts';

const INTERVAL_MS = 500;
const LIMIT = 1_000;

export interface PromoterDeps {
  readonly db: Queryable;
  readonly onPromoted: () => void;
  readonly troubles: Troubles;
  readonly clock: Clock;
}

/** Duty: makes requests ready whose delay is over. One statement at a time; what it does not get to, the next pass or worker does. */
export function startPromoter({ db, onPromoted, troubles, clock }: PromoterDeps): Service {
  const refusals = troubles.define('promote some delayed requests');
  return startLoop({
    intervalMs: INTERVAL_MS,
    async runOnce(signal) {
      let promoted: number;
      let isRefused = false;
      do {
        promoted = await promoteRequests(db, LIMIT, ({ reason, ...details }) => {
          isRefused = true;
          refusals.note(new Error(reason), details);
        });
        if (!isRefused) refusals.settle();
        if (promoted > 0) onPromoted();
      } while (promoted === LIMIT && !signal.aborted);
    },
    trouble: troubles.define('promote delayed requests'),
    clock,
  });
}
