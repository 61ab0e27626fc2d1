import { setMaxListeners } from 'node:events';
import type { EmbeddingBatch } from '../embeddings/embedding-batch.ts';

/** `lost`: it belongs to others now, so write nothing. The others: hand it back, without charge. */
export type BatchEnd = 'lost' | 'stopping' | 'changed';

/** A batch of rows of a job between its claim and its end. */
export interface InFlightBatch {
  readonly batch: EmbeddingBatch;
  /** The id of the job in the database of its table. */
  readonly jobId: string;
  /** Aborts with a {@link BatchEnd} as the reason. */
  readonly signal: AbortSignal;
}

/** What this process has claimed and not finished yet. */
export interface InFlightBatches {
  readonly size: number;
  hasAnyOf(holderId: string): boolean;
  /** Owns the batch until `work` has settled. */
  hold(batch: EmbeddingBatch, jobId: string, work: (entry: InFlightBatch) => Promise<void>): Promise<void>;
  abort(end: BatchEnd, isMeant?: (entry: InFlightBatch) => boolean): void;
  /** Resolves when nothing is in flight. */
  empty(): Promise<void>;
}

export function createInFlightBatches(): InFlightBatches {
  const all = new Map<InFlightBatch, AbortController>();
  const waiting: (() => void)[] = [];
  return {
    get size() {
      return all.size;
    },
    hasAnyOf: (holderId) => [...all.keys()].some(({ batch }) => batch.holderId === holderId),
    async hold(batch, jobId, work) {
      const controller = new AbortController();
      // Each call of a model that waits for its turn listens, and a long document has hundreds.
      setMaxListeners(0, controller.signal);
      const entry: InFlightBatch = { batch, jobId, signal: controller.signal };
      all.set(entry, controller);
      try {
        await work(entry);
      } finally {
        all.delete(entry);
        if (all.size === 0) for (const resolve of waiting.splice(0)) resolve();
      }
    },
    abort(end, isMeant = () => true) {
      for (const [entry, controller] of all) if (isMeant(entry)) controller.abort(end);
    },
    empty: () => new Promise((resolve) => (all.size === 0 ? resolve() : waiting.push(resolve))),
  };
}
