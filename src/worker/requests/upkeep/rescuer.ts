import { groupBy } from '../../../core/group-by.ts';
import type { Logger } from '../../../core/log.ts';
import type { Troubles } from '../../../core/recurring-trouble.ts';
import type { Queryable } from '../../../db/query.ts';
import type { Rescue } from '../../../process/death-watch.ts';
import { type RescuedRequest, rescueRequests } from '../../../requests/rescue-requests.ts';

export interface RescuerDeps {
  readonly db: Queryable;
  readonly maxRetries: number;
  /** Told after `count` requests were given back; `hasQuarantined` when some of them are in quarantine now. */
  readonly onRescued: (hasQuarantined: boolean, count: number) => void;
  /** Told of each request that has no tries left. */
  readonly onFailed: (request: RescuedRequest) => void;
  readonly log: Logger;
  readonly troubles: Troubles;
}

/**
 * Rescues the requests of dead workers. One statement reads and writes requests and their quarantine, so that a death halfway changes
 * nothing; any number of workers may do it at once.
 */
export function createRescuer({ db, maxRetries, onRescued, onFailed, log, troubles }: RescuerDeps): Rescue {
  const refusals = troubles.define('give back some requests of dead workers');
  return {
    name: 'rescue_requests',
    async run(reachability) {
      let isRefused = false;
      const rescued = await rescueRequests(db, maxRetries, {
        ...reachability,
        onRefused({ reason, ...details }) {
          isRefused = true;
          refusals.note(new Error(reason), details);
        },
      });
      if (!isRefused) refusals.settle();
      for (const [ownerId, requests] of groupBy(rescued, ({ workerId }) => workerId)) {
        const charged = requests.filter(({ isCharged }) => isCharged).map(({ requestId }) => requestId);
        const fields = { requests: requests.length, charged };
        switch (requests[0]?.workerStatus) {
          case 'dead':
            log.warn({ deadWorkerId: ownerId, ...fields }, 'rescued the requests of a dead worker');
            break;
          case 'stopped':
            log.info(
              { stoppedWorkerId: ownerId, ...fields },
              'took over what a worker had not handed back when it stopped',
            );
            break;
          case undefined:
            log.warn({ lostWorkerId: ownerId, ...fields }, 'rescued requests whose worker nobody knows any more');
        }
      }
      for (const request of rescued) if (request.status === 'failed') onFailed(request);
      if (rescued.length > 0)
        onRescued(
          rescued.some(({ isQuarantined }) => isQuarantined),
          rescued.length,
        );
    },
    trouble: troubles.define('look for dead workers'),
  };
}
