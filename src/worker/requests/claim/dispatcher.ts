import { hasCode } from '../../../core/errors.ts';
import type { Troubles } from '../../../core/recurring-trouble.ts';
import { type Service, startLoop } from '../../../core/service.ts';
import type { Queryable } from '../../../db/query.ts';
import { isAboutRows, sqlStateOf } from '../../../db/sqlstate.ts';
import { createLoopWatch } from '../../../process/loop-watch.ts';
import type { PollSchedule } from '../../../process/poll-schedule.ts';
import type { LeaseHolder } from '../../../process/workload.ts';
import { type ClaimedRequest, type ClaimName, type Lane, laneKey } from '../../../requests/claimed-request.ts';
import { type BatchRunnerDeps, createBatchRunner } from '../run/batch-runner.ts';
import { createClaimCursors } from './claim-cursors.ts';
import { createLaneCare } from './lane-care.ts';
import { createQuarantine } from './quarantine.ts';

/** Most requests of one claim; more would be in flight without being worked on. */
const CLAIM_LIMIT = 1_000;
/** The same where rows are claimed one by one. */
const CAREFUL_LIMIT = 64;
/** SQLSTATE of lamplighter.require_lease. */
const LEASE_LOST = 'LL001';

export interface DispatcherDeps extends Omit<BatchRunnerDeps, 'onRoom'> {
  readonly db: Queryable;
  readonly lease: LeaseHolder;
  readonly schedule: PollSchedule;
  readonly troubles: Troubles;
  /** Told of requests that were claimed, but for those in quarantine. */
  readonly onClaimed: (requests: readonly ClaimedRequest[]) => void;
}

export interface Dispatcher extends Service {
  /** Scans now, as something may be ready. */
  wake(): void;
  /** Takes note that this worker may be able to run requests in quarantine. */
  noteQuarantined(): void;
  /** What is wrong with the claiming; undefined when nothing is. */
  problem(): string | undefined;
}

/**
 * Duty: claims requests for free slots and sets them to work, lanes in turn. Changes nothing but by claiming; what it has claimed when the
 * process dies is rescued. `stop` claims nothing more, hands back what is reserved and does not run yet, and leaves what runs to its owner.
 */
export function startDispatcher(deps: DispatcherDeps): Dispatcher {
  const { db, lease, served, schedule, log, troubles, clock, onClaimed } = deps;
  const cursors = createClaimCursors(db, clock);
  const runner = createBatchRunner({ ...deps, onRoom: () => loop.wake() });
  const quarantine = createQuarantine({ ...deps, runner, claimAs, onOpen: wake });
  const refusals = troubles.define('claim some requests');
  const care = createLaneCare(refusals, clock);
  const watch = createLoopWatch(clock);
  let nextLane = 0;
  let claimNumber = 0;

  /** Claims under the worker's present id. */
  async function claimAs<T>(claim: (name: ClaimName) => Promise<T>): Promise<{ claimed: T; name: ClaimName }> {
    claimNumber += 1;
    const name = { workerId: lease.workerId, claimNumber };
    const startedMs = clock.nowMs();
    try {
      const claimed = await claim(name);
      runner.noteClaim(clock.nowMs() - startedMs);
      return { claimed, name };
    } catch (error) {
      // The claim may have been committed all the same, and nobody would ever work on what it took.
      if (hasCode(error, 'CONNECTION_LOST')) lease.retire();
      throw error;
    }
  }

  const isOpen = (lane: Lane) => !quarantine.isClosed(lane) && !care.isClosed(lane);
  const openLanes = () => served.lanes.filter(isOpen);

  /** Scans the queue, and claims in the same statement where no level is known and slots are free; how many requests. */
  async function scan(): Promise<number> {
    const lanes = openLanes();
    const rooms = [...served.lanes.slice(nextLane), ...served.lanes.slice(0, nextLane)]
      .filter((lane) => lanes.includes(lane))
      .map((lane) => ({ ...lane, most: Math.min(CLAIM_LIMIT, runner.roomFor(lane, false)) }))
      .filter(({ most }) => most > 0);
    if (rooms.length > 0 && cursors.isUnknown() && !lanes.some(care.isCareful)) {
      const { claimed, name } = await claimAs((as) => cursors.scanAndClaim(as, rooms)).catch(leaveToScan);
      const [first] = claimed;
      if (first !== undefined) {
        nextLane = served.lanes.findIndex((lane) => laneKey(lane) === laneKey(first.lane)) + 1;
        onClaimed(claimed);
        runner.start(first.lane, claimed, name);
        return claimed.length;
      }
      if (cursors.isUnknown()) return 0;
    }
    await cursors.scan(lanes);
    return 0;
  }

  /** Leaves the lanes to a scan after a claim that rows made fail: one lane's rows must not keep the others waiting. */
  function leaveToScan(error: unknown): { claimed: ClaimedRequest[]; name: ClaimName } {
    if (!isRefusal(error)) throw error;
    return { claimed: [], name: { workerId: lease.workerId, claimNumber } };
  }

  /** Claims for the next lane that has work and room; how many, or undefined when there is no such lane. */
  async function claimNext(): Promise<number | undefined> {
    for (let step = 0; step < served.lanes.length; step += 1) {
      const at = (nextLane + step) % served.lanes.length;
      const lane = served.lanes[at];
      if (lane === undefined || !isOpen(lane) || !cursors.hasReady(lane)) continue;
      const room = runner.roomFor(lane, mayClaimAhead(lane));
      if (room === 0) continue;
      nextLane = at + 1;
      const isCareful = care.isCareful(lane);
      const limit = Math.min(isCareful ? CAREFUL_LIMIT : CLAIM_LIMIT, room);
      try {
        const { claimed, name } = await claimAs((as) => cursors.claim(as, lane, limit, isCareful));
        care.noteClaim(lane);
        onClaimed(claimed);
        runner.start(lane, claimed, name);
        return claimed.length;
      } catch (error) {
        if (!isRefusal(error)) throw error;
        care.noteFailure(lane, error);
        return 0;
      }
    }
    return undefined;
  }

  /** Reserves a group in quarantine; one that cannot be changed waits for the next heartbeat, and nothing else does. */
  async function reserve(): Promise<boolean> {
    try {
      return await quarantine.reserve();
    } catch (error) {
      if (!isRefusal(error)) throw error;
      refusals.note(error);
      return false;
    }
  }

  /** Batches that wait take the next slot, so none may wait while another lane has requests ready. */
  const mayClaimAhead = (lane: Lane) => openLanes().every((other) => other === lane || !cursors.hasReady(other));

  const hasRoom = () => openLanes().some((lane) => runner.roomFor(lane, mayClaimAhead(lane)) > 0);

  async function dispatch(signal: AbortSignal): Promise<void> {
    let isFresh = false;
    while (!signal.aborted) {
      watch.step();
      if (quarantine.isDue() && (await reserve())) {
        // The levels of the lane that is closed now must not keep the others from claiming at once.
        cursors.expire();
        isFresh = false;
      }
      if (signal.aborted || !hasRoom()) return;
      // One scan is enough until something was claimed: it also shows rows that others have locked, which no claim gets.
      if (!isFresh && cursors.isDue()) {
        if ((await scan()) > 0) {
          schedule.reset();
          continue;
        }
        isFresh = true;
        if (signal.aborted) return;
      }
      const claimed = await claimNext();
      if (claimed !== undefined && claimed > 0) {
        schedule.reset();
        isFresh = false;
        continue;
      }
      // The lane is forgotten until the next scan; others may have something.
      if (claimed === 0) continue;
      if (!isFresh) {
        cursors.expire();
        continue;
      }
      if (!(await schedule.requestOnce())) return;
      cursors.expire();
      isFresh = false;
    }
  }

  const loop = startLoop({
    intervalMs: () => schedule.nextPauseMs(),
    async runOnce(signal) {
      try {
        await watch.run(() => dispatch(signal));
        if (quarantine.endRest()) loop.wake();
      } catch (error) {
        if (sqlStateOf(error) !== LEASE_LOST) throw error;
        log.debug('claimed nothing, as the lease is lost');
        lease.check();
      }
    },
    trouble: troubles.define('claim requests'),
    clock,
  });

  function wake(): void {
    cursors.expire();
    loop.wake();
  }

  return {
    wake,
    problem: watch.problem,
    noteQuarantined() {
      quarantine.note();
      loop.wake();
    },
    async stop() {
      await loop.stop();
      quarantine.handBack();
    },
  };
}

/** True when a claim failed for its rows. */
function isRefusal(error: unknown): boolean {
  return isAboutRows(error) && sqlStateOf(error) !== LEASE_LOST;
}
