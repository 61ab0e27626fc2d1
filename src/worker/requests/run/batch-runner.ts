import type { Clock } from '../../../core/clock.ts';
import type { Logger } from '../../../core/log.ts';
import type { Model } from '../../../models/port.ts';
import { type ClaimedRequest, type ClaimName, type Lane, laneKey } from '../../../requests/claimed-request.ts';
import type { InFlight, InFlightRequest } from '../in-flight.ts';
import type { ServedLanes } from '../lanes.ts';
import type { Executor } from './executor.ts';

/** Work that may be claimed ahead of the slots: as much as is thought to be done while two claims are made, within these bounds. */
const AHEAD_CLAIMS = 2;
const AHEAD_MS = { least: 5, most: 50 };
/** Requests that may wait for a slot. */
const AHEAD_LIMIT = 200;
/** How long a batch may wait for a slot; then it is handed back, as another worker may be free. */
const LONGEST_WAIT_MS = 100;
/** Weight of the latest one in the mean durations of a lane's batches and of claims. */
const LATEST_WEIGHT = 0.2;

export interface BatchRunnerDeps {
  readonly served: ServedLanes;
  /** Most batches at once; may change at any time. */
  readonly concurrency: () => number;
  readonly inFlight: InFlight;
  readonly executor: Executor;
  /** Called when a slot became free, or there is room for more ahead of the limit. */
  readonly onRoom: () => void;
  readonly log: Logger;
  readonly clock: Clock;
}

export interface NextOptions {
  /** Aborts when nobody wants the requests any more: they are not kept waiting for a slot then. */
  readonly signal: AbortSignal;
  /** Called when they no longer wait. */
  readonly onStart: () => void;
}

/**
 * Sets requests to work, in batches as the model likes them, each in a slot.
 *
 * Where batches are so short that the way to the database and back would leave the slots idle, some more are kept ready: as much work as
 * the way takes twice. A batch that is stuck behind a slow one all the same is handed back without charge.
 */
export interface BatchRunner {
  /** True when nothing of the lane runs or waits for a slot. */
  isIdle(lane: Lane): boolean;
  /** Resolves when nothing of the lane runs or waits; nothing of it may be started meanwhile. */
  idle(lane: Lane): Promise<void>;
  /** Tells how long a claim has taken. */
  noteClaim(ms: number): void;
  /** How many requests of a lane to claim now; 0 when there is no room. Ahead of the slots only where `mayClaimAhead`. */
  roomFor(lane: Lane, mayClaimAhead: boolean): number;
  start(lane: Lane, requests: readonly ClaimedRequest[], name: ClaimName): void;
  /**
   * Runs requests that are in flight already, as one batch, in the next slot that their lane may have: nothing else that waits goes first.
   * Resolves when each of them has ended; never rejects.
   */
  runNext(lane: Lane, batch: readonly InFlightRequest[], options: NextOptions): Promise<void>;
}

interface Waiting {
  readonly lane: Lane;
  readonly batch: readonly InFlightRequest[];
  readonly sinceMs: number;
  readonly onStart?: () => void;
  readonly onEnd: () => void;
}

export function createBatchRunner(deps: BatchRunnerDeps): BatchRunner {
  const { served, concurrency, inFlight, executor, onRoom, log, clock } = deps;
  const limit = createConcurrencyLimit(concurrency, new Set(served.lanes.map(({ functionName }) => functionName)).size);
  const meanMs = new Map<string, number>();
  let claimMs = 0;
  let waiting: Waiting[] = [];
  /** The batch of `runNext`: it goes before all others, and is not handed back for waiting too long. */
  let first: Waiting | undefined;
  let isWatched = false;
  /** Batches that run or wait, by lane, and the callers of `idle` that wait until there is none. */
  const batchCounts = new Map<string, number>();
  const idleWaiters = new Map<string, () => void>();

  async function run(lane: Lane, batch: readonly InFlightRequest[]): Promise<void> {
    try {
      await executor(served.modelOf(lane), batch);
    } catch (error) {
      log.error({ err: error }, 'a batch was lost by this worker');
    }
  }

  function noteBatch(key: string): void {
    batchCounts.set(key, (batchCounts.get(key) ?? 0) + 1);
  }

  function noteEnd(key: string): void {
    const left = (batchCounts.get(key) ?? 1) - 1;
    if (left > 0) batchCounts.set(key, left);
    else {
      batchCounts.delete(key);
      idleWaiters.get(key)?.();
      idleWaiters.delete(key);
    }
  }

  async function runInSlot({ lane, batch, onStart, onEnd }: Waiting): Promise<void> {
    const model = served.modelOf(lane);
    limit.take(lane, model);
    onStart?.();
    const startedMs = clock.nowMs();
    await run(lane, batch);
    noteDuration(lane, clock.nowMs() - startedMs);
    limit.give(lane, model);
    onEnd();
    fillSlots();
    onRoom();
  }

  function noteDuration(lane: Lane, ms: number): void {
    const key = laneKey(lane);
    const mean = meanMs.get(key) ?? ms;
    meanMs.set(key, mean + (ms - mean) * LATEST_WEIGHT);
  }

  const hasSlot = ({ lane }: Waiting) => limit.freeFor(lane, served.modelOf(lane)) > 0;

  /** Starts batches in the order of arrival, but no batch waits for one whose lane has no slot. */
  function fillSlots(): void {
    if (first !== undefined && hasSlot(first)) {
      const batch = first;
      first = undefined;
      void runInSlot(batch);
    }
    if (waiting.length === 0) return;
    const still: Waiting[] = [];
    for (const next of waiting) {
      if (hasSlot(next)) void runInSlot(next);
      else still.push(next);
    }
    waiting = still;
  }

  /** Hands back what waits too long; runs while anything waits. */
  async function watch(): Promise<void> {
    isWatched = true;
    for (let [oldest] = waiting; oldest !== undefined; [oldest] = waiting) {
      const leftMs = oldest.sinceMs + LONGEST_WAIT_MS - clock.nowMs();
      if (leftMs > 0) await clock.delay(leftMs);
      const overdue = waiting.filter(({ sinceMs }) => clock.nowMs() - sinceMs >= LONGEST_WAIT_MS);
      waiting = waiting.filter((batch) => !overdue.includes(batch));
      for (const { lane, batch, onEnd } of overdue) {
        meanMs.set(laneKey(lane), LONGEST_WAIT_MS);
        for (const entry of batch) inFlight.abort(entry, 'stopping');
        void run(lane, batch).then(onEnd);
      }
    }
    isWatched = false;
  }

  /** Batches of a lane that may wait for a slot. */
  function aheadOf(lane: Lane): number {
    const mean = meanMs.get(laneKey(lane));
    if (mean === undefined) return 0;
    const model = served.modelOf(lane);
    const most = Math.floor(AHEAD_LIMIT / model.maxBatch[lane.functionName]);
    const aheadMs = Math.min(AHEAD_MS.most, Math.max(AHEAD_MS.least, AHEAD_CLAIMS * claimMs));
    return Math.min(most, Math.floor(aheadMs / Math.max(mean, 0.01)));
  }

  return {
    isIdle: (lane) => !batchCounts.has(laneKey(lane)),
    async idle(lane) {
      const key = laneKey(lane);
      if (batchCounts.has(key)) await new Promise<void>((resolve) => idleWaiters.set(key, resolve));
    },
    noteClaim(ms) {
      claimMs += (ms - claimMs) * LATEST_WEIGHT;
    },
    roomFor(lane, mayClaimAhead) {
      const model = served.modelOf(lane);
      const free = limit.freeFor(lane, model);
      const ahead = mayClaimAhead ? aheadOf(lane) : 0;
      // Only when half of them have left, as each claim has its price.
      const missing = waiting.length <= ahead / 2 ? Math.floor(ahead - waiting.length) : 0;
      return (free + missing) * model.maxBatch[lane.functionName];
    },
    start(lane, requests, name) {
      const size = served.modelOf(lane).maxBatch[lane.functionName];
      const entries = inFlight.add(name, requests);
      const sinceMs = clock.nowMs();
      const key = laneKey(lane);
      for (let at = 0; at < entries.length; at += size) {
        noteBatch(key);
        waiting.push({ lane, batch: entries.slice(at, at + size), sinceMs, onEnd: () => noteEnd(key) });
      }
      fillSlots();
      if (waiting.length > 0 && !isWatched) void watch();
    },
    runNext(lane, batch, { signal, onStart }) {
      const key = laneKey(lane);
      noteBatch(key);
      return new Promise((resolve) => {
        const onEnd = () => {
          signal.removeEventListener('abort', leave);
          noteEnd(key);
          resolve();
        };
        const leave = () => {
          if (first?.batch !== batch) return;
          first = undefined;
          onStart();
          void run(lane, batch).then(onEnd);
        };
        first = { lane, batch, sinceMs: clock.nowMs(), onStart, onEnd };
        if (signal.aborted) leave();
        else signal.addEventListener('abort', leave, { once: true });
        fillSlots();
      });
    },
  };
}

/** How many batches run, and how many more may. */
interface ConcurrencyLimit {
  /** Batches of that lane that may be started now. */
  freeFor(lane: Lane, model: Model): number;
  take(lane: Lane, model: Model): void;
  give(lane: Lane, model: Model): void;
}

/**
 * Shares `concurrency` batches among the functions: the last free slot goes to a function that runs nothing yet, so that long
 * generations do not keep an embedding waiting. A worker for one function, or with one slot, has no such reserve.
 */
export function createConcurrencyLimit(concurrency: () => number, functionCount: number): ConcurrencyLimit {
  const byFunction = new Map<string, number>();
  const byModel = new Map<Model, number>();
  let running = 0;
  const add = (lane: Lane, model: Model, by: number) => {
    running += by;
    byFunction.set(lane.functionName, (byFunction.get(lane.functionName) ?? 0) + by);
    byModel.set(model, (byModel.get(model) ?? 0) + by);
  };
  return {
    freeFor(lane, model) {
      const limit = concurrency();
      const reserve = functionCount > 1 && limit > 1 ? 1 : 0;
      const isFirst = (byFunction.get(lane.functionName) ?? 0) === 0;
      const free = isFirst
        ? Math.min(limit - running, Math.max(1, limit - running - reserve))
        : limit - running - reserve;
      return Math.max(0, Math.min(free, model.maxConcurrency - (byModel.get(model) ?? 0)));
    },
    take: (lane, model) => add(lane, model, 1),
    give: (lane, model) => add(lane, model, -1),
  };
}
