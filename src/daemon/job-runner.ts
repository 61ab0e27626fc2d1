import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../core/clock.ts';
import { hasCode, isLamplighterError, messageOf } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import type { Troubles } from '../core/recurring-trouble.ts';
import { type Loop, startLoop } from '../core/service.ts';
import type { Pool } from '../db/pool.ts';
import { classifySqlState } from '../db/sqlstate.ts';
import { cancelJob, removeJob } from '../embeddings/cancel-job.ts';
import { recordIndex } from '../embeddings/index/record-index.ts';
import { fingerprintOf, type JobRow, type WantedJob } from '../embeddings/jobs/job-row.ts';
import type { JobMark } from '../embeddings/jobs/mark-jobs.ts';
import { listJobs, setJobState, setJobWarnings } from '../embeddings/list-jobs.ts';
import { prepareJob } from '../embeddings/prepare-job.ts';
import { readJobProgress } from '../embeddings/read-progress.ts';
import type { Meter } from '../monitoring/meter.ts';
import type { LeaseHolder } from '../process/workload.ts';
import type { DaemonConfig } from './config.ts';
import type { FillSlots } from './fill-slots.ts';
import type { InFlightBatches } from './in-flight-batches.ts';
import { type IndexKeeper, type OpenIndexSession, startIndexKeeper } from './index-keeper.ts';
import type { JobReport } from './job-report.ts';
import { chunksFor, isConfigError, nameFor, toJobSpec } from './job-terms.ts';
import { createReadyJob, mostRowsOf } from './ready-job.ts';
import { ModelAway, type ServedModels } from './served-models.ts';
import { createStampPruner } from './stamp-pruner.ts';
import { DAY_IS_OVER } from './token-budget.ts';
import { BATCHES_IN_FLIGHT, IDLE_MS, type ReadyJob, workOff } from './work-off.ts';

/** Interval of the checks for jobs that a user may have fixed or broken. */
const RECHECK_MS = 60_000;
/** The same for a model that is away. */
const AWAY_MS = 5_000;
const PROGRESS_MS = 1_000;

/** What is to become of a job. `rest`: it is another daemon's now, so leave it alone. */
export type JobWish =
  | { readonly kind: 'run'; readonly row: JobRow; readonly spec: WantedJob }
  | { readonly kind: 'cancel' | 'remove' | 'rest' };

export interface JobRunnerDeps {
  readonly jobId: string;
  readonly controlId: string;
  readonly jobRowOwner: string | undefined;
  readonly db: Pool;
  readonly lease: LeaseHolder;
  readonly inFlight: InFlightBatches;
  readonly models: ServedModels;
  readonly fillSlots: FillSlots;
  readonly config: Pick<
    DaemonConfig,
    'batchRows' | 'maxLoad' | 'allowsUrlImages' | 'captureLimitBytes' | 'trustedOwners'
  >;
  readonly mark: (mark: JobMark) => void;
  /** Changed rows were found: more may come soon. */
  readonly onClaimed: () => void;
  readonly openIndexSession: OpenIndexSession;
  readonly meter: Pick<Meter, 'lane'>;
  /** The job was prepared for what its row asks for now: there may be triggers of what it asked for before. */
  readonly onPrepared: () => void;
  /** The job has left a column, or a table of chunks, that another job may wait for. */
  readonly onColumnFree: () => void;
  /** A wish to remove the job has been fulfilled. */
  readonly onRemoved: () => void;
  readonly log: Logger;
  readonly troubles: Troubles;
  readonly clock: Clock;
}

/** One job: what its row asks for is made true, again and again. */
export interface JobRunner extends Loop {
  /** Heeds a row as it is now; in the middle of work, too. */
  setWish(wish: JobWish): void;
  /** Rows may have changed. */
  noteChanges(): void;
  /** What the job could not be done for may be mended. */
  recheck(): void;
  /** True while changed rows would be claimed at once: there is room for them, and nothing is in their way. */
  readonly isWaiting: boolean;
  /** Ours, in the database of the table, once it is registered there. */
  readonly registeredId: string | undefined;
  readonly report: JobReport;
  readonly counts: { readonly written: number; readonly failed: number };
}

/**
 * Duty: prepares the job, embeds what changes, makes the passes that find the rest, and tells the row. Nothing is lost when it dies at any
 * point: what it had in flight is rescued, and the passes go on where they were.
 */
export function startJobRunner(deps: JobRunnerDeps): JobRunner {
  const { jobId, db, lease, inFlight, models, config, mark, log, troubles, clock } = deps;
  const trouble = troubles.define(`serve the job ${jobId}`);
  let wish: JobWish = { kind: 'rest' };
  let wished = '';
  let ready: ReadyJob | undefined;
  let registeredId: string | undefined;
  let preparedMs = Number.NEGATIVE_INFINITY;
  let parkedUntilMs = Number.NEGATIVE_INFINITY;
  let isCancelled = false;
  /** The job is parked, for what its model gives among other things. */
  let isLengthInDoubt = false;
  let nextMs = IDLE_MS;
  let progressMs = Number.NEGATIVE_INFINITY;
  let isProgressTold = false;
  let keeper: IndexKeeper | undefined;
  const pruner = createStampPruner(db, log);
  let report: JobReport = {
    jobId,
    name: '',
    state: 'starting',
    reason: undefined,
    doneRows: 0,
    totalRows: undefined,
    written: 0,
  };
  const counts = { written: 0, failed: 0 };

  function tell(change: Partial<JobReport>): void {
    report = { ...report, ...change };
  }

  /** Nothing that was begun before may be written any more by this daemon; the generation sees to the others. */
  function dropWork(): void {
    ready?.passes.end();
    ready = undefined;
    if (registeredId !== undefined) inFlight.abort('changed', (entry) => entry.jobId === registeredId);
  }

  function park(reason: string, recheckMs = RECHECK_MS): void {
    dropWork();
    isLengthInDoubt = true;
    parkedUntilMs = clock.nowMs() + recheckMs;
    if (report.reason !== reason) log.warn({ job: jobId }, `the job ${jobId} cannot be done: ${reason}`);
    tell({ state: 'failed', reason });
    if (wish.kind !== 'run' || wish.row.marks.failureReason !== reason) mark({ failureReason: reason });
    if (registeredId !== undefined) {
      void setJobState(db, registeredId, 'failed', reason).catch((error: unknown) =>
        log.debug({ err: error }, 'could not note the state'),
      );
    }
  }

  async function findRegistered(): Promise<string | undefined> {
    registeredId ??= (await listJobs(db, deps.controlId)).find((job) => job.jobId === jobId)?.id;
    return registeredId;
  }

  async function prepare(row: JobRow, spec: WantedJob, signal: AbortSignal): Promise<void> {
    const served = await models.get(spec.model, { signal, isLengthInDoubt });
    const { model, dimensions, isVisual } = served;
    const divided = spec.chunks === undefined ? undefined : chunksFor(spec.chunks, model);
    const job = await prepareJob(
      db,
      toJobSpec(spec, {
        controlId: deps.controlId,
        jobId,
        ...(divided === undefined ? {} : { chunks: divided.chunks }),
        ...(isVisual ? { images: { areUrlsAllowed: config.allowsUrlImages } } : {}),
        dimensions,
        trustedOwners: config.trustedOwners,
        ...(deps.jobRowOwner === undefined ? {} : { jobRowOwner: deps.jobRowOwner }),
        captureLimitBytes: config.captureLimitBytes,
      }),
      { signal },
    );
    preparedMs = clock.nowMs();
    isLengthInDoubt = false;
    const formerId = registeredId;
    registeredId = job.id;
    if (formerId !== undefined && formerId !== job.id) deps.onColumnFree();
    isCancelled = false;
    if (row.marks.isFailed || report.state === 'failed') mark({ failureReason: null });
    if (!row.marks.isStarted) mark({ isStarted: true });
    const warnings = [...(divided?.warnings ?? []), ...job.warnings];
    await setJobWarnings(db, job.id, warnings);
    const known = ready?.job;
    if (known?.generation === job.generation && isDeepStrictEqual(known.table, job.table)) return;
    deps.onPrepared();
    for (const warning of warnings) log.warn({ job: jobId }, warning);
    dropWork();
    tell({ state: row.marks.isFinished ? 'live' : 'backfill', reason: undefined, name: nameFor(spec) });
    const own = createReadyJob({
      db,
      job,
      spec,
      served,
      config,
      lease,
      inFlight,
      fillSlots: deps.fillSlots,
      trouble,
      meter: deps.meter,
      log,
      clock,
      async onBudget(isUsedUp) {
        const reason = isUsedUp ? DAY_IS_OVER : undefined;
        if (isUsedUp && report.reason !== reason) log.info({ job: jobId }, `${nameFor(spec)} ${DAY_IS_OVER}`);
        tell({ reason });
        await setJobState(db, job.id, report.state === 'live' ? 'live' : 'backfill', reason);
      },
      async onComplete() {
        await setJobState(db, job.id, 'live');
        if (report.state !== 'live')
          log.info({ job: jobId }, `${nameFor(spec)} is complete: every row with text has its vector`);
        tell({ state: 'live', reason: undefined });
        if (wish.kind !== 'run') return;
        const { isFinished, progress = 100 } = wish.row.marks;
        if (!isFinished) mark({ isFinished: true });
        else if (progress < 100 || isProgressTold) mark({ progress: 100 });
        isProgressTold = false;
      },
      onFullPass: () => pruner.start(job),
      async onIncomplete() {
        await setJobState(db, job.id, 'backfill');
        tell({ state: 'backfill', reason: undefined });
      },
      onWritten({ written, failed }) {
        counts.written += written;
        counts.failed += failed.filter(({ isFinal }) => isFinal).length;
        tell({ written: counts.written });
      },
      onChanged() {
        preparedMs = Number.NEGATIVE_INFINITY;
        loop.wake();
      },
      onConfigError(reason) {
        park(reason);
        loop.wake();
      },
    });
    // Rows of a partition that was attached were there before any trigger saw them.
    if (known?.generation === job.generation) own.passes.request();
    ready = own;
    if (spec.index === undefined) await recordIndex(db, job.id, undefined);
    else keepIndex(spec, job.id);
    log.info({ job: jobId }, `serving ${nameFor(spec)} with ${spec.model.name}`);
  }

  /** One for as long as the row asks for the same. */
  function keepIndex({ schema, table, chunks, dstColumn }: WantedJob, id: string): void {
    keeper ??= startIndexKeeper({
      db,
      jobId: id,
      column: { schema: chunks?.schema ?? schema, table: chunks?.table ?? table, column: dstColumn },
      openSession: deps.openIndexSession,
      isComplete: () => ready?.passes.isComplete === true,
      log,
      trouble: troubles.define(`see to the index of the job ${jobId}`),
      clock,
    });
  }

  /** A build that is no longer asked for, or for which vectors are to be made anew, is broken off. */
  function dropKeeper(): void {
    const dropped = keeper;
    keeper = undefined;
    dropped?.cancel().catch((error: unknown) => log.debug({ err: error }, 'could not break off the build of an index'));
  }

  async function tellProgress(own: ReadyJob): Promise<void> {
    if (!own.passes.isBackfill || clock.nowMs() - progressMs < PROGRESS_MS) return;
    progressMs = clock.nowMs();
    const progress = await readJobProgress(db, own.job.id);
    if (progress === undefined) return;
    const { passRows, passPercent = 0, rows } = progress;
    tell({
      state: 'backfill',
      doneRows: passRows,
      totalRows: rows ?? (passPercent > 0 ? Math.round((passRows / passPercent) * 100) : undefined),
    });
    mark({ progress: Math.min(99, passPercent) });
    isProgressTold = true;
  }

  async function run(row: JobRow, spec: WantedJob, signal: AbortSignal): Promise<void> {
    if (clock.nowMs() < parkedUntilMs) return;
    if (ready === undefined || clock.nowMs() - preparedMs >= RECHECK_MS) {
      try {
        await prepare(row, spec, signal);
      } catch (error) {
        if (!isConfigError(error)) throw error;
        const hint = isLamplighterError(error) && error.hint !== undefined ? `. ${error.hint}` : '';
        const awayMs = error instanceof ModelAway ? (error.retryAfterMs ?? AWAY_MS) : RECHECK_MS;
        park(`${messageOf(error)}${hint}`, Math.min(RECHECK_MS, awayMs));
        return;
      }
    }
    const own = ready;
    if (own === undefined) return;
    try {
      nextMs = await workOff(
        {
          db,
          holderId: () => lease.workerId,
          limit: mostRowsOf(own.job, config),
          isCurrent: () => ready === own,
          onClaimed: deps.onClaimed,
          onMarked() {
            preparedMs = Number.NEGATIVE_INFINITY;
            own.passes.request();
          },
          onPage: () => tellProgress(own),
          onBatchDone: () => loop.wake(),
          clock,
        },
        own,
        signal,
      );
    } catch (error) {
      if (hasCode(error, 'JOB_CHANGED')) preparedMs = Number.NEGATIVE_INFINITY;
      else if (hasCode(error, 'LEASE_LOST')) lease.check();
      else if (classifySqlState(error) === 'environment') {
        // The server may have given the old id rows that this process knows nothing of.
        lease.retire();
        throw error;
      } else if (isConfigError(error)) park(messageOf(error));
      else {
        // The table is not what it was: preparing the job tells what it is now, or what to mend.
        if (classifySqlState(error) === 'missing') preparedMs = Number.NEGATIVE_INFINITY;
        throw error;
      }
    }
  }

  async function runOnce(signal: AbortSignal): Promise<void> {
    nextMs = IDLE_MS;
    switch (wish.kind) {
      case 'run':
        return run(wish.row, wish.spec, signal).catch((error: unknown) => {
          ready?.passes.rest();
          throw error;
        });
      case 'cancel': {
        if (isCancelled) return;
        const id = await findRegistered();
        if (id === undefined) return;
        await cancelJob(db, id);
        isCancelled = true;
        deps.onColumnFree();
        return;
      }
      case 'remove': {
        const id = await findRegistered();
        if (id !== undefined) {
          await removeJob(db, id);
          deps.onColumnFree();
        }
        deps.onRemoved();
        return;
      }
      case 'rest':
        return;
    }
  }

  const loop = startLoop({ clock, trouble, intervalMs: () => nextMs, runOnce });

  return {
    ...loop,
    async stop() {
      await Promise.all([loop.stop().finally(() => ready?.passes.end()), keeper?.stop(), pruner.stop()]);
    },
    setWish(next) {
      const text = next.kind === 'run' ? `run ${fingerprintOf(next.spec)}` : next.kind;
      wish = next;
      if (text === wished) {
        // Somebody who clears the failure has mended it.
        const isCleared = next.kind === 'run' && report.state === 'failed' && !next.row.marks.isFailed;
        if (isCleared && parkedUntilMs > clock.nowMs()) mark({ failureReason: report.reason ?? '' });
        return;
      }
      wished = text;
      dropWork();
      dropKeeper();
      parkedUntilMs = Number.NEGATIVE_INFINITY;
      isCancelled = false;
      if (next.kind === 'cancel') tell({ state: 'canceled', reason: undefined });
      if (next.kind === 'run') tell({ state: 'starting', reason: undefined, name: nameFor(next.spec) });
      loop.tryAgain();
      loop.wake();
    },
    noteChanges: () => loop.wake(),
    recheck() {
      if (report.state !== 'failed') return;
      parkedUntilMs = Number.NEGATIVE_INFINITY;
      loop.wake();
    },
    get isWaiting() {
      if (ready === undefined || ready.batches >= BATCHES_IN_FLIGHT || ready.quarantined !== undefined) return false;
      return ready.turns.pauseMs === 0 && ready.pace.rowsInMs() === 0 && ready.budget?.isUsedUp !== true;
    },
    get registeredId() {
      return registeredId;
    },
    get report() {
      return report;
    },
    counts,
  };
}
