import { groupBy } from '../core/group-by.ts';
import type { Logger } from '../core/log.ts';
import type { Troubles } from '../core/recurring-trouble.ts';
import type { Queryable } from '../db/query.ts';
import { type RescuedRequest, rescueRequests } from '../requests/rescue-requests.ts';
import { wasStandby } from '../requests/was-standby.ts';
import type { Duty, Look } from './duties.ts';

/** What the clock of the server may gain on that of the worker between two looks before it counts as set. */
const STEP_MS = 1_000;

export interface RescuerDeps {
  readonly db: Queryable;
  readonly maxRetries: number;
  readonly intervalMs: number;
  /** That of this worker: whoever has known the server for so long can judge others like it. */
  readonly leaseMs: number;
  /** Told after requests were given back; `hasQuarantined` when some of them are in quarantine now. */
  readonly onRescued: (hasQuarantined: boolean) => void;
  /** Told of each request that has no tries left. */
  readonly onFailed: (request: RescuedRequest) => void;
  readonly log: Logger;
  readonly troubles: Troubles;
}

/**
 * Duty: finds workers whose lease ran out and gives their requests back. Reads and writes workers, requests and their quarantine in one
 * statement, so that a death halfway changes nothing; any number of workers may do it at once.
 *
 * While the server is away nobody can renew a lease: after an outage every worker gets the time of its lease to come back. A worker that
 * starts knows of no outage: the database tells of a restart by itself, but not of the time when a standby was promoted, so on a server
 * that may have been one the others get that time, too. So they do when the clock of the server was set forward: all of them look silent
 * then. Each worker keeps that knowledge for itself, from its heartbeats, whoever does the duty; those who know too little to judge do it
 * in turns of their own, so that they never stand in the way of one who knows.
 */
export function createRescuer(deps: RescuerDeps): Duty {
  const { db, maxRetries, intervalMs, leaseMs, onRescued, onFailed, log, troubles } = deps;
  const refusals = troubles.define('give back some requests of dead workers');
  let last: Look | undefined;
  /** Since when all looks went well and the clock went evenly. */
  let sinceMs = 0;
  /** True once the server was away, or its clock was set, or it may have been a standby. */
  let isRecent = false;
  let hasAskedForStandby = false;

  function forget(): void {
    last = undefined;
    isRecent = true;
  }

  return {
    name: () => (isRecent && (last === undefined || last.startedMs - sinceMs < leaseMs) ? 'rescue_recent' : 'rescue'),
    intervalMs,
    noteLook(look) {
      if (look === undefined) {
        forget();
        return;
      }
      if (last === undefined) sinceMs = look.startedMs;
      else if (look.serverMs - last.serverMs > look.endedMs - last.startedMs + STEP_MS) {
        isRecent = true;
        sinceMs = look.startedMs;
      }
      last = look;
    },
    async run(look) {
      try {
        if (!hasAskedForStandby) {
          isRecent = (await wasStandby(db)) || isRecent;
          hasAskedForStandby = true;
        }
        // As of the clock that was looked at: it may be set before the statement gets there.
        const reachableMs = isRecent ? look.startedMs - sinceMs : undefined;
        let isRefused = false;
        const rescued = await rescueRequests(db, maxRetries, {
          reachableMs,
          nowMs: look.serverMs,
          onRefused({ reason, ...details }) {
            isRefused = true;
            refusals.note(new Error(reason), details);
          },
        });
        if (!isRefused) refusals.settle();
        for (const [deadWorkerId, requests] of groupBy(rescued, ({ workerId }) => workerId)) {
          const charged = requests.filter(({ isCharged }) => isCharged).map(({ requestId }) => requestId);
          log.warn({ deadWorkerId, requests: requests.length, charged }, 'rescued the requests of a dead worker');
        }
        for (const request of rescued) if (request.status === 'failed') onFailed(request);
        if (rescued.length > 0) onRescued(rescued.some(({ isQuarantined }) => isQuarantined));
      } catch (error) {
        forget();
        throw error;
      }
    },
    trouble: troubles.define('look for dead workers'),
  };
}
