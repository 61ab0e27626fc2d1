import type { Clock } from '../../../core/clock.ts';
import type { Trouble, Troubles } from '../../../core/recurring-trouble.ts';
import { type Service, startLoop } from '../../../core/service.ts';
import type { Queryable } from '../../../db/query.ts';
import { cancelAbandoned, claimUpkeep, measureQueue, promoteRequests } from '../../../requests/upkeep.ts';

const PROMOTE_LIMIT = 1_000;

export interface UpkeepDeps {
  readonly db: Queryable;
  readonly workerId: () => string;
  readonly onPromoted: () => void;
  readonly troubles: Troubles;
  readonly clock: Clock;
}

export interface UpkeepService extends Service {
  /** True while this worker's last pass went well, so that some worker does the upkeep for all. */
  readonly isWell: boolean;
  /** Asks for the upkeep now, as nobody seems to do it. */
  noteLate(): void;
}

/**
 * Duty of one worker for all: makes requests ready whose delay is over, cancels those whose caller's transaction has ended, keeps the count
 * behind `max_queue_size` fresh, and wakes workers that missed their wake-up. Each is a statement of its own, so that one that fails does
 * not keep the others from being done. Another worker takes the upkeep when it is late.
 */
export function startUpkeep({ db, workerId, onPromoted, troubles, clock }: UpkeepDeps): UpkeepService {
  const promoting = troubles.define('promote delayed requests');
  const refusals = troubles.define('promote some delayed requests');
  const cancelling = troubles.define('cancel abandoned requests');
  const measuring = troubles.define('measure the queue');
  let nextMs = 0;
  let wasReady = false;
  let isWell = false;

  async function promote(signal: AbortSignal): Promise<void> {
    let promoted: number;
    let isRefused = false;
    do {
      promoted = await promoteRequests(db, PROMOTE_LIMIT, ({ reason, ...details }) => {
        isRefused = true;
        refusals.note(new Error(reason), details);
      });
      if (!isRefused) refusals.settle();
      if (promoted > 0) onPromoted();
    } while (promoted === PROMOTE_LIMIT && !signal.aborted);
  }

  const loop = startLoop({
    intervalMs: () => nextMs,
    async runOnce(signal) {
      isWell = false;
      const upkeep = await claimUpkeep(db, workerId(), wasReady);
      isWell = true;
      nextMs = upkeep.nextMs;
      if (!upkeep.isClaimed) return;
      wasReady = upkeep.isReady;
      if (upkeep.hasDue) await attempt(promoting, () => promote(signal));
      if (upkeep.hasAutonomous) await attempt(cancelling, () => cancelAbandoned(db));
      if (upkeep.isNearLimit) await attempt(measuring, () => measureQueue(db));
    },
    trouble: troubles.define('look after the queue'),
    clock,
  });

  return {
    get isWell() {
      return isWell;
    },
    noteLate: () => loop.wake(),
    stop: () => loop.stop(),
  };
}

async function attempt(trouble: Trouble, work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
    trouble.settle();
  } catch (error) {
    trouble.note(error);
  }
}
