import type { Clock } from '../core/clock.ts';
import type { Logger } from '../core/log.ts';
import { type Service, startLoop } from '../core/service.ts';
import type { Queryable } from '../db/query.ts';
import { sqlStateOf } from '../db/sqlstate.ts';
import { claimSuspect } from '../requests/claim-suspect.ts';
import type { ClaimedRequest, Lane } from '../requests/claimed-request.ts';
import type { Completer } from './completer.ts';
import type { Executor } from './executor.ts';
import type { InFlight } from './in-flight.ts';
import type { ServedLanes } from './lanes.ts';
import { createReadyLevels } from './ready-levels.ts';
import type { Slots } from './slots.ts';
import type { Waker } from './waker.ts';
import type { WorkerLease } from './worker-lease.ts';

/** Requests of one claim; more would be held without being worked on. */
const CLAIM_LIMIT = 1_000;
/** How long rescued requests wait for the worker to be idle by itself before it stops claiming others for them. */
const SUSPECT_PATIENCE_MS = 5_000;
/** How long rescued requests are run one by one before others have their turn again. */
const SUSPECT_TURN_MS = 2_000;
/** SQLSTATE of lamplighter.require_lease. */
const LEASE_LOST = 'LL001';

export interface DispatcherDeps {
  readonly db: Queryable;
  readonly lease: WorkerLease;
  readonly served: ServedLanes;
  readonly slots: Slots;
  readonly inFlight: InFlight;
  readonly executor: Executor;
  readonly completer: Completer;
  readonly waker: Waker;
  readonly log: Logger;
  readonly clock: Clock;
}

export interface Dispatcher extends Service {
  /** Something may be ready: look now. */
  wake(): void;
  /** Requests that a worker died with are waiting to be run alone. */
  noteSuspects(): void;
}

/**
 * Duty: claims requests for free slots and sets them to work, lanes in turn. Changes nothing but by claiming; what it has claimed when the
 * process dies is rescued. `stop` claims nothing more and leaves what runs to its owner.
 */
export function startDispatcher(deps: DispatcherDeps): Dispatcher {
  const { db, lease, served, slots, inFlight, executor, completer, waker, log, clock } = deps;
  const ready = createReadyLevels(db, clock);
  let nextLane = 0;
  let suspectsSinceMs: number | undefined;

  function start(lane: Lane, requests: readonly ClaimedRequest[], workerId: string): Promise<void>[] {
    const model = served.modelOf(lane);
    const size = model.maxBatch[lane.functionName];
    const held = inFlight.add(workerId, requests);
    const batches = Array.from({ length: Math.ceil(held.length / size) }, (_, at) =>
      held.slice(at * size, (at + 1) * size),
    );
    return batches.map(async (batch) => {
      slots.take(lane, model);
      try {
        await completer.push(await executor(model, batch));
      } finally {
        slots.give(lane, model);
        loop.wake();
      }
    });
  }

  /** Claims for the next lane that has work and room; how many, or undefined when there is no such lane. */
  async function claimNext(): Promise<number | undefined> {
    for (let step = 0; step < served.lanes.length; step += 1) {
      const at = (nextLane + step) % served.lanes.length;
      const lane = served.lanes[at];
      if (lane === undefined || !ready.hasReady(lane)) continue;
      const model = served.modelOf(lane);
      const free = slots.freeFor(lane, model);
      if (free === 0) continue;
      nextLane = at + 1;
      const { workerId } = lease;
      const limit = Math.min(CLAIM_LIMIT, free * model.maxBatch[lane.functionName]);
      const claimed = await ready.claim(workerId, lane, limit);
      own(start(lane, claimed, workerId));
      return claimed.length;
    }
    return undefined;
  }

  function own(batches: readonly Promise<void>[]): void {
    for (const batch of batches)
      batch.catch((error: unknown) => log.error({ err: error }, 'a batch was lost by this worker'));
  }

  const hasRoom = () => served.lanes.some((lane) => slots.freeFor(lane, served.modelOf(lane)) > 0);

  /** Runs rescued requests, one at a time and nothing beside them, for a bounded turn. */
  async function runSuspects(signal: AbortSignal): Promise<void> {
    const endMs = clock.nowMs() + SUSPECT_TURN_MS;
    while (!signal.aborted && clock.nowMs() < endMs) {
      const { workerId } = lease;
      const suspect = await claimSuspect(db, workerId, served.lanes);
      if (suspect === undefined) {
        suspectsSinceMs = undefined;
        return;
      }
      log.info({ requestId: suspect.requestId }, 'running alone a request whose worker died');
      await Promise.all(start(suspect.lane, [suspect], workerId));
      await inFlight.empty();
    }
    suspectsSinceMs = clock.nowMs();
  }

  async function dispatch(signal: AbortSignal): Promise<void> {
    let isFresh = false;
    while (!signal.aborted) {
      if (suspectsSinceMs !== undefined) {
        if (inFlight.size === 0) await runSuspects(signal);
        else if (clock.nowMs() - suspectsSinceMs > SUSPECT_PATIENCE_MS) return;
      }
      if (signal.aborted || !hasRoom()) return;
      if (ready.isDue()) {
        await ready.look(served.lanes);
        isFresh = true;
      }
      const claimed = await claimNext();
      if (claimed !== undefined && claimed > 0) {
        waker.reset();
        isFresh = false;
        continue;
      }
      // A lane that gave nothing is forgotten until the next look; others may have something.
      if (claimed === 0) continue;
      if (!isFresh) {
        ready.expire();
        continue;
      }
      if (!(await waker.requestOnce())) return;
      ready.expire();
      isFresh = false;
    }
  }

  const loop = startLoop({
    intervalMs: () => waker.nextPauseMs(),
    async runOnce(signal) {
      try {
        await dispatch(signal);
      } catch (error) {
        if (sqlStateOf(error) !== LEASE_LOST) throw error;
        log.warn('claimed nothing, as the lease is lost');
        lease.check();
      }
    },
    onError: (error) => log.warn({ err: error }, 'could not claim requests'),
    clock,
  });

  return {
    wake() {
      ready.expire();
      loop.wake();
    },
    noteSuspects() {
      suspectsSinceMs ??= clock.nowMs();
      loop.wake();
    },
    stop: () => loop.stop(),
  };
}
