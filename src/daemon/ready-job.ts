import type { Clock } from '../core/clock.ts';
import type { Logger } from '../core/log.ts';
import type { Trouble } from '../core/recurring-trouble.ts';
import type { Pool } from '../db/pool.ts';
import type { PreparedJob } from '../embeddings/job-spec.ts';
import type { WantedJob } from '../embeddings/jobs/job-row.ts';
import type { WriteReport } from '../embeddings/write-vectors.ts';
import type { Meter } from '../monitoring/meter.ts';
import type { LeaseHolder } from '../process/workload.ts';
import { createBatchWorker } from './batch-worker.ts';
import type { DaemonConfig } from './config.ts';
import type { FillSlots } from './fill-slots.ts';
import type { InFlightBatches } from './in-flight-batches.ts';
import { createJobPasses } from './job-passes.ts';
import { createPace } from './pace.ts';
import type { ServedModel } from './served-models.ts';
import { createTokenBudget } from './token-budget.ts';
import type { ReadyJob } from './work-off.ts';

/** Most rows of a batch of documents, each of which may have thousands of chunks, or of images, which may be of 20 MB each. */
const MOST_LARGE_ROWS = 64;

export interface ReadyJobDeps {
  readonly db: Pool;
  readonly job: PreparedJob;
  readonly spec: WantedJob;
  readonly served: Pick<ServedModel, 'model' | 'turns' | 'loneTurn'>;
  readonly config: Pick<DaemonConfig, 'maxLoad'>;
  readonly lease: LeaseHolder;
  readonly inFlight: InFlightBatches;
  readonly fillSlots: FillSlots;
  readonly trouble: Trouble;
  readonly meter: Pick<Meter, 'lane'>;
  readonly log: Logger;
  readonly clock: Clock;
  /** The tokens of the day are used up, or there are some again. */
  readonly onBudget: (isUsedUp: boolean) => Promise<void>;
  /** The next three: see `createJobPasses`. */
  readonly onComplete: () => Promise<void>;
  readonly onFullPass: () => void;
  readonly onIncomplete: () => Promise<void>;
  readonly onWritten: (report: WriteReport) => void;
  /** The next two: see `createBatchWorker`. */
  readonly onChanged: () => void;
  readonly onConfigError: (reason: string) => void;
}

/** A prepared job with all that its work takes; nothing of it runs yet. */
export function createReadyJob(deps: ReadyJobDeps): ReadyJob {
  const { db, job, spec, served, config, lease, inFlight, fillSlots, trouble, log, clock } = deps;
  const { onComplete, onFullPass, onIncomplete } = deps;
  const { model, turns, loneTurn } = served;
  const { maxTokensPerDay: limit } = spec;
  const pace = createPace({ maxRowsPerSecond: spec.maxRowsPerSecond, maxLoad: config.maxLoad, clock });
  const budget =
    limit === undefined ? undefined : createTokenBudget({ db, jobId: job.id, limit, clock, onChange: deps.onBudget });
  const holderId = () => lease.workerId;
  const passes = createJobPasses({ db, job, holderId, fillSlots, pace, clock, onComplete, onFullPass, onIncomplete });
  return {
    job,
    turns,
    passes,
    pace,
    budget,
    passBatches: 0,
    quarantined: undefined,
    claimsInARow: 0,
    batches: 0,
    lastSeq: undefined,
    fullScanMs: Number.NEGATIVE_INFINITY,
    work: createBatchWorker({
      db,
      job,
      model,
      turns,
      loneTurn,
      batchSize: spec.batchSize,
      budget,
      inFlight,
      lease,
      trouble,
      measured: deps.meter.lane('jobs', job.id, job.model),
      log,
      clock,
      onWritten(written, kind, ms) {
        deps.onWritten(written);
        if (kind === 'pass' && passes.isBackfill) pace.noteBackfillWork(ms);
      },
      onStalled: () => passes.rest(),
      onChanged: deps.onChanged,
      onConfigError: deps.onConfigError,
    }),
  };
}

/** Most rows of one batch. */
export function mostRowsOf({ table }: PreparedJob, { batchRows }: Pick<DaemonConfig, 'batchRows'>): number {
  const hasLargeRows = table.chunks !== undefined || table.srcKind === 'bytes';
  return hasLargeRows ? Math.min(batchRows, MOST_LARGE_ROWS) : batchRows;
}
