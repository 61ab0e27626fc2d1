import type { Clock } from '../core/clock.ts';
import { type Loop, startLoop } from '../core/service.ts';
import { connectClient } from '../db/connection/connect-client.ts';
import { directOf } from '../db/connection/connection-settings.ts';
import { dropCaptures } from '../embeddings/cancel-job.ts';
import { rescueBatches } from '../embeddings/embedding-batch.ts';
import type { JobRow, WantedJob } from '../embeddings/jobs/job-row.ts';
import type { JobMark } from '../embeddings/jobs/mark-jobs.ts';
import { listChangedJobs, listJobs, type RegisteredJob } from '../embeddings/list-jobs.ts';
import { createLoopWatch } from '../process/loop-watch.ts';
import { createPollSchedule } from '../process/poll-schedule.ts';
import { stopAll } from '../process/stop.ts';
import { WAKE_CHANNEL } from '../process/wake-up.ts';
import type { Workload, WorkloadContext } from '../process/workload.ts';
import type { DaemonConfig } from './config.ts';
import type { FillSlots } from './fill-slots.ts';
import { createInFlightBatches } from './in-flight-batches.ts';
import type { JobReport } from './job-report.ts';
import { type JobRunner, type JobWish, startJobRunner } from './job-runner.ts';
import type { ServedModels } from './served-models.ts';

/** Longest pause between scans for changed rows. */
const SCAN_MS = 1_000;
const DROP_AGAIN_MS = 5_000;
/** How often the jobs are listed that are registered in the database and have no row any more. */
const ORPHANS_MS = 60_000;

/** What the jobs table says about the jobs of one database. */
export interface WantedJobs {
  /** The rows to be served or cancelled here, by id. */
  readonly rows: ReadonlyMap<string, { readonly row: JobRow; readonly spec: WantedJob; readonly isCanceled: boolean }>;
  /** Ids that have a row which is nobody's business here, such as another daemon's or one that cannot be read: leave them as they are. */
  readonly kept: ReadonlySet<string>;
  /** The ones among `kept` that are to be cancelled nevertheless. */
  readonly canceled: ReadonlySet<string>;
}

export interface EmbeddingsWorkloadOptions {
  readonly controlId: string;
  readonly jobRowOwner: string | undefined;
  readonly config: DaemonConfig;
  readonly models: ServedModels;
  readonly fillSlots: FillSlots;
  readonly mark: (jobId: string, mark: JobMark) => void;
}

/** The embedding jobs of one database, as work of a process. */
export interface EmbeddingsWorkload extends Workload {
  /** Heeds the jobs table as it is now. */
  setJobs(wanted: WantedJobs): void;
  /** Something is still to be removed: jobs without a row, or triggers of such. */
  readonly hasLeftovers: boolean;
  readonly reports: readonly JobReport[];
}

/** Opens the workload of embedding jobs: each has a runner of its own, and one scan finds the changed rows of all. */
export async function openEmbeddings(
  { db, settings, sessions, lease, log, troubles, meter, clock }: WorkloadContext,
  { controlId, jobRowOwner, config, models, fillSlots, mark }: EmbeddingsWorkloadOptions,
): Promise<EmbeddingsWorkload> {
  meter.open('jobs');
  const inFlight = createInFlightBatches();
  const runners = new Map<string, JobRunner>();
  const counts = { processed: 0, failed: 0 };
  let wanted: WantedJobs | undefined;
  /** How often the jobs table has been read. */
  let reads = 0;
  let registered: { readonly jobs: readonly RegisteredJob[]; readonly reads: number } | undefined;
  let isStarted = false;
  let scanner: Loop | undefined;
  const schedule = createPollSchedule({ db, topic: 'embeddings', longestPauseMs: () => SCAN_MS, log, clock });
  const orphans = createInterval(ORPHANS_MS, clock);
  const captures = createDropSchedule(clock);
  const watch = createLoopWatch(clock);

  /** Opens a session past the pooler, behind which it would not be its own; undefined while there is no room for one. */
  async function openIndexSession(signal: AbortSignal) {
    if (sessions.free <= 0) return undefined;
    const giveBack = await sessions.take();
    try {
      const session = await connectClient(directOf(settings), { applicationName: 'lamplighter index', signal, log });
      const close = () => session.end().finally(giveBack);
      return { session, close };
    } catch (error) {
      giveBack();
      throw error;
    }
  }

  function runnerOf(jobId: string): JobRunner {
    const known = runners.get(jobId);
    if (known !== undefined) return known;
    const runner = startJobRunner({
      jobId,
      controlId,
      jobRowOwner,
      db,
      lease,
      inFlight,
      models,
      fillSlots,
      config,
      mark: (change) => mark(jobId, change),
      openIndexSession,
      meter,
      onClaimed: () => schedule.reset(),
      onPrepared: () => captures.note(),
      onColumnFree() {
        captures.note();
        scanner?.wake();
        for (const other of runners.values()) if (other !== runner) other.recheck();
      },
      onRemoved() {
        counts.processed += runner.counts.written;
        counts.failed += runner.counts.failed;
        runners.delete(jobId);
        void runner.stop();
        log.info({ job: jobId }, `the job ${jobId} is gone, and what was made for it`);
      },
      log,
      troubles,
      clock,
    });
    runners.set(jobId, runner);
    return runner;
  }

  function apply(): void {
    if (!isStarted || wanted === undefined) return;
    for (const [jobId, { row, spec, isCanceled }] of wanted.rows) {
      const wish: JobWish = isCanceled ? { kind: 'cancel' } : { kind: 'run', row, spec };
      runnerOf(jobId).setWish(wish);
    }
    for (const [jobId, runner] of runners) {
      if (!wanted.rows.has(jobId)) runner.setWish(wishWithoutRow(jobId, wanted));
    }
  }

  /** Jobs whose rows were deleted, cancelled, or moved to another database, while no daemon ran. */
  async function removeOrphans(): Promise<void> {
    if (wanted === undefined) return;
    if (orphans.isDue()) registered = { jobs: await listJobs(db, controlId), reads };
    // Another daemon may have registered a job whose row this one has not read yet: the second read from here on began after that.
    if (registered === undefined || reads < registered.reads + 2) return;
    const { jobs } = registered;
    registered = undefined;
    for (const { jobId, state } of jobs) {
      const wish = wishWithoutRow(jobId, wanted);
      const isDone = wish.kind === 'rest' || (wish.kind === 'cancel' && state === 'canceled');
      if (!wanted.rows.has(jobId) && !isDone) runnerOf(jobId).setWish(wish);
    }
  }

  async function scan(): Promise<void> {
    await removeOrphans();
    if (captures.isDue()) captures.note(await dropCaptures(db));
    let hasAskedNow = false;
    do {
      const byId = new Map<string, JobRunner>();
      for (const runner of runners.values()) {
        if (runner.registeredId !== undefined && runner.isWaiting) byId.set(runner.registeredId, runner);
      }
      if (byId.size === 0) return;
      const changed = await listChangedJobs(db, [...byId.keys()]);
      for (const id of changed) byId.get(id)?.noteChanges();
      if (changed.length > 0) return;
      hasAskedNow = await schedule.requestOnce();
    } while (hasAskedNow);
  }

  return {
    name: 'embeddings',
    lanes: [],
    channels: [WAKE_CHANNEL],
    rescues: [
      {
        name: 'rescue_embeddings',
        async run() {
          const count = await rescueBatches(db);
          if (count === 0) return;
          log.warn({ batches: count }, 'took over rows that another daemon had begun and not ended');
          scanner?.wake();
        },
        trouble: troubles.define('rescue rows of daemons that have died'),
      },
    ],
    setJobs(next) {
      wanted = next;
      reads += 1;
      apply();
    },
    get hasLeftovers() {
      const isLeft = (jobId: string) => wanted !== undefined && wishWithoutRow(jobId, wanted).kind !== 'rest';
      return (
        captures.isWanted || [...runners.keys()].some((jobId) => wanted?.rows.has(jobId) !== true && isLeft(jobId))
      );
    },
    get reports() {
      return [...runners.values()].map(({ report }) => report);
    },
    get inFlight() {
      return inFlight.size;
    },
    hasInFlight: (workerId) => inFlight.hasAnyOf(workerId),
    figures() {
      const all = [...runners.values()].map((runner) => runner.counts);
      return {
        concurrency: runners.size,
        processed: all.reduce((sum, { written }) => sum + written, counts.processed),
        failed: all.reduce((sum, { failed }) => sum + failed, counts.failed),
      };
    },
    claimProblem: watch.problem,
    start() {
      isStarted = true;
      apply();
      scanner = startLoop({
        clock,
        trouble: troubles.define('look for changed rows'),
        intervalMs: () => schedule.nextPauseMs(),
        runOnce: () => watch.run(scan),
      });
    },
    onNotification(_, payload) {
      if (schedule.noteWakeUp(payload)) scanner?.wake();
    },
    onResync: () => scanner?.wake(),
    onListening(isListening) {
      schedule.setListening(isListening);
      scanner?.wake();
    },
    async stopClaiming() {
      await scanner?.stop().catch(() => undefined);
      await Promise.allSettled([...runners.values()].map((runner) => runner.stop()));
    },
    idle: () => inFlight.empty(),
    abort(reason, workerId) {
      inFlight.abort(reason, ({ batch }) => workerId === undefined || batch.holderId === workerId);
    },
    async stop() {
      inFlight.abort('stopping');
      await stopAll([...(scanner === undefined ? [] : [scanner]), ...runners.values()]);
    },
  };
}

function wishWithoutRow(jobId: string, { kept, canceled }: WantedJobs): JobWish {
  if (canceled.has(jobId)) return { kind: 'cancel' };
  return { kind: kept.has(jobId) ? 'rest' : 'remove' };
}

function createInterval(ms: number, clock: Clock): { isDue(): boolean } {
  let lastMs = Number.NEGATIVE_INFINITY;
  return {
    isDue() {
      if (clock.nowMs() - lastMs < ms) return false;
      lastMs = clock.nowMs();
      return true;
    },
  };
}

/** Dropping a trigger needs its table for a moment: where that is in use, another try comes later. */
function createDropSchedule(clock: Clock): { note(left?: number): void; isDue(): boolean; readonly isWanted: boolean } {
  // An earlier process may have left some.
  let isWanted = true;
  const interval = createInterval(DROP_AGAIN_MS, clock);
  return {
    note(left = 1) {
      isWanted = left > 0;
    },
    isDue: () => isWanted && interval.isDue(),
    get isWanted() {
      return isWanted;
    },
  };
}
