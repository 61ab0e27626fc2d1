import type { Clock } from '../core/clock.ts';
import { groupBy } from '../core/group-by.ts';
import type { Logger } from '../core/log.ts';
import type { Troubles } from '../core/recurring-trouble.ts';
import { type Service, startLoop } from '../core/service.ts';
import type { Queryable } from '../db/query.ts';
import { readClock } from '../requests/read-clock.ts';
import { type RescuedRequest, rescueRequests } from '../requests/rescue-requests.ts';
import { wasStandby } from '../requests/was-standby.ts';

/** What the clock of the server may gain on that of the worker between two passes before it counts as set. */
const STEP_MS = 1_000;

export interface RescuerDeps {
  readonly db: Queryable;
  readonly maxRetries: number;
  readonly intervalMs: number;
  /** Told after requests were given back; `hasQuarantined` when some of them are in quarantine now. */
  readonly onRescued: (hasQuarantined: boolean) => void;
  /** Told of each request that has no tries left. */
  readonly onFailed: (request: RescuedRequest) => void;
  readonly log: Logger;
  readonly troubles: Troubles;
  readonly clock: Clock;
}

/**
 * Duty: finds workers whose lease ran out and gives their requests back. Reads and writes workers, requests and their quarantine in one
 * statement, so that a death halfway changes nothing; any number of workers may do it at once.
 *
 * While the server is away nobody can renew a lease: after an outage every worker gets the time of its lease to come back. A worker that
 * starts knows of no outage: the database tells of a restart by itself, but not of the time when a standby was promoted, so on a server
 * that may have been one the others get that time, too. So they do when the clock of the server was set forward: all of them look silent
 * then.
 */
export function startRescuer(deps: RescuerDeps): Service {
  const { db, maxRetries, intervalMs, onRescued, onFailed, log, troubles, clock } = deps;
  const refusals = troubles.define('give back some requests of dead workers');
  let hasFailed = false;
  /** Undefined until the server has been asked. */
  let reachableSinceMs: number | undefined;
  let lastPass: { readonly startedMs: number; readonly serverMs: number } | undefined;

  /** The clock of the server, and whether it has gone further than time has since the last pass. */
  async function lookAtClock(): Promise<{ serverMs: number; isSet: boolean }> {
    const startedMs = clock.nowMs();
    const serverMs = await readClock(db);
    const last = lastPass;
    lastPass = { startedMs, serverMs };
    const isSet = last !== undefined && serverMs - last.serverMs > clock.nowMs() - last.startedMs + STEP_MS;
    return { serverMs, isSet };
  }

  return startLoop({
    intervalMs,
    async runOnce() {
      const nowMs = clock.nowMs();
      reachableSinceMs ??= (await wasStandby(db)) ? nowMs : Number.NEGATIVE_INFINITY;
      const { serverMs, isSet } = await lookAtClock();
      if (isSet || hasFailed) reachableSinceMs = nowMs;
      const reachableMs = Number.isFinite(reachableSinceMs) ? nowMs - reachableSinceMs : undefined;
      // As of the clock that was looked at: it may be set before the statement gets there.
      let isRefused = false;
      const rescued = await rescueRequests(db, maxRetries, {
        reachableMs,
        nowMs: serverMs,
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
      hasFailed = false;
    },
    trouble: troubles.define('look for dead workers'),
    onError() {
      hasFailed = true;
    },
    clock,
  });
}
