import type { Model } from '../../../models/port.ts';
import type { Lane } from '../../../requests/claimed-request.ts';

/** How many batches run, and how many more may. */
export interface ConcurrencyLimit {
  readonly running: number;
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
    get running() {
      return running;
    },
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
