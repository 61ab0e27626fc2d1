import type { Clock } from '../../core/clock.ts';
import { groupBy } from '../../core/group-by.ts';
import type { Troubles } from '../../core/recurring-trouble.ts';
import { type Service, startLoop } from '../../core/service.ts';
import type { Queryable } from '../../db/query.ts';
import { listLost } from '../../requests/list-lost.ts';
import type { InFlight } from './in-flight.ts';

/** The channel on which the cancel of a running request is announced; the payload is its request_id. */
export const CANCEL_CHANNEL = 'lamplighter_cancel';
const INTERVAL_MS = 1_000;

export interface CancellerDeps {
  readonly db: Queryable;
  readonly inFlight: InFlight;
  readonly troubles: Troubles;
  readonly clock: Clock;
}

export interface Canceller extends Service {
  /** Checks at once whether the request was cancelled, as a notification says. */
  onCancel(requestId: string): void;
}

/**
 * Duty: breaks off work that is no longer wanted. Asks the database, at once after a hint and once a second, which requests in flight are
 * still this worker's, and aborts the others.
 */
export function startCanceller({ db, inFlight, troubles, clock }: CancellerDeps): Canceller {
  const loop = startLoop({
    intervalMs: INTERVAL_MS,
    async runOnce() {
      for (const [workerId, entries] of groupBy(inFlight.list(), (entry) => entry.workerId)) {
        const requests = entries.map(({ request }) => request);
        const lost = new Set(await listLost(db, workerId, requests));
        for (const entry of entries) if (lost.has(entry.request.id)) inFlight.abort(entry, 'lost');
      }
    },
    trouble: troubles.define('look for cancelled requests'),
    clock,
  });
  return {
    onCancel(requestId) {
      // Any role may send on the channel, so a notification is a reason to check, not to abort.
      if (inFlight.has(requestId)) loop.wake();
    },
    stop: () => loop.stop(),
  };
}
