import { backoffMs } from '../core/backoff.ts';
import type { Clock } from '../core/clock.ts';
import { hasCode, isLamplighterError, messageOf } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import type { Troubles } from '../core/recurring-trouble.ts';
import { type Service, startLoop } from '../core/service.ts';
import { connectClient } from '../db/connection/connect-client.ts';
import { type ConnectionSettings, directOf } from '../db/connection/connection-settings.ts';
import { describeConnection } from '../db/connection/connection-text.ts';
import { planConnections } from '../db/connection-budget.ts';
import { migrate } from '../db/migrate/migrate.ts';
import { readSchemaState } from '../db/migrate/schema-state.ts';
import { readDatabaseId } from '../embeddings/jobs/control-id.ts';
import type { JobMark } from '../embeddings/jobs/mark-jobs.ts';
import { type RunningWorkloads, startWorkloads } from '../process/start-workloads.ts';
import type { StopOptions } from '../process/stop.ts';
import type { Vitals } from '../process/vitals.ts';
import type { WorkDone } from '../process/work-done.ts';
import type { DaemonConfig } from './config.ts';
import { type EmbeddingsWorkload, openEmbeddings, type WantedJobs } from './embeddings-workload.ts';
import type { FillSlots } from './fill-slots.ts';
import type { JobReport } from './job-report.ts';
import type { ServedModels } from './served-models.ts';

const OPEN_AGAIN = { baseMs: 1_000, capMs: 60_000 };
const IDLE_MS = 60_000;
/** Connections of which one can be spared to build indexes, one after the other. */
const ROOM_FOR_INDEX = 8;
const INDEX_SESSION = { wanted: 1, isRequired: false, flag: '--max-connections' };

export interface JobsControl {
  readonly controlId: string;
  /** A role of this database; undefined where nobody knows. */
  readonly jobRowOwner: string | undefined;
}

export interface TargetDeps {
  readonly settings: ConnectionSettings;
  /** What the jobs are registered under in this database, and who has made their rows. */
  readonly controlOf: (databaseId: string | undefined) => JobsControl;
  readonly config: DaemonConfig;
  readonly models: ServedModels;
  readonly fillSlots: FillSlots;
  readonly mark: (jobId: string, mark: JobMark) => void;
  readonly log: Logger;
  readonly troubles: Troubles;
  readonly clock: Clock;
}

/** One database whose tables are served: a pool, a lease and a session that listens. */
export interface Target extends Service {
  setJobs(wanted: WantedJobs): void;
  /** Which database it is, as `readDatabaseId` names it; undefined before it was opened, or where the host does not tell. */
  readonly databaseId: string | undefined;
  /** The database is open, and something in it is still to be removed. */
  readonly hasLeftovers: boolean;
  readonly reports: readonly JobReport[];
  /** Undefined while it is not open. */
  readonly vitals: Vitals | undefined;
  /** Vectors since it was opened first, over all times that it was opened. */
  workDone(): readonly WorkDone[];
  stop(options?: StopOptions): Promise<void>;
}

/**
 * Duty: opens the database, with the schema where that is missing, and again whenever it has failed. Its jobs are told why it cannot be
 * opened. One that is away holds up no other.
 */
export function startTarget(deps: TargetDeps): Target {
  const { settings, controlOf, config, models, fillSlots, mark, log, troubles, clock } = deps;
  const place = describeConnection(settings);
  const trouble = troubles.define(`open ${place} for embedding jobs`);
  let wanted: WantedJobs | undefined;
  let running: RunningWorkloads | undefined;
  let embeddings: EmbeddingsWorkload | undefined;
  let stopped: Promise<void> | undefined;
  let failures = 0;
  const earlier: WorkDone[] = [];
  let reason: string | undefined;
  let databaseId: string | undefined;

  async function install(signal: AbortSignal): Promise<void> {
    const session = await connectClient(directOf(settings), { applicationName: 'lamplighter daemon', signal, log });
    try {
      databaseId = await readDatabaseId(session);
      if ((await readSchemaState(session)).isInstalled) return;
      await migrate(session);
      log.info(`installed the schema of Lamplighter in ${place}: jobs have tables there`);
    } finally {
      await session.end();
    }
  }

  async function open(signal: AbortSignal): Promise<void> {
    await install(signal);
    let opened: EmbeddingsWorkload | undefined;
    running = await startWorkloads({
      kind: 'daemon',
      settings,
      workloads: [
        async (context) => {
          opened = await openEmbeddings(context, { ...controlOf(databaseId), config, models, fillSlots, mark });
          return opened;
        },
      ],
      leaseMs: config.leaseMs,
      heartbeatMs: config.heartbeatMs,
      // Two more are for the jobs table.
      connections: planConnections({
        max: config.maxConnections - 2,
        // An index is built beside all else, where that takes nothing from it.
        ...(config.maxConnections < ROOM_FOR_INDEX ? {} : { sessions: INDEX_SESSION }),
      }),
      log,
      clock,
      signal,
    });
    embeddings = opened;
    if (wanted !== undefined) embeddings?.setJobs(wanted);
    const own = running;
    void own.died.then((error) => {
      if (running !== own) return;
      trouble.note(error);
      earlier.push(...own.workDone());
      running = undefined;
      embeddings = undefined;
      loop.wake();
    });
  }

  /** Writes the problem into the rows of the jobs if a user has to fix it; an outage of a server ends by itself. */
  function tell(error: unknown): void {
    const hint = isLamplighterError(error) && error.hint !== undefined ? `. ${error.hint}` : '';
    const next = `cannot use the database ${place}: ${messageOf(error)}${hint}`;
    reason = next;
    for (const [jobId, { row, isCanceled }] of wanted?.rows ?? []) {
      if (!isCanceled && row.marks.failureReason !== next) mark(jobId, { failureReason: next });
    }
  }

  const loop = startLoop({
    clock,
    trouble,
    intervalMs: () => (failures === 0 ? IDLE_MS : backoffMs(failures, undefined, OPEN_AGAIN)),
    async runOnce(signal) {
      if (running !== undefined) return;
      try {
        await open(signal);
        failures = 0;
        reason = undefined;
      } catch (error) {
        failures += 1;
        if (!signal.aborted && !hasCode(error, 'ABORTED')) tell(error);
        throw error;
      }
    },
  });

  return {
    setJobs(next) {
      const isMore = wanted === undefined || [...next.rows.keys()].some((id) => wanted?.rows.has(id) !== true);
      wanted = next;
      embeddings?.setJobs(next);
      if (running === undefined && reason !== undefined && isMore) {
        for (const jobId of next.rows.keys()) mark(jobId, { failureReason: reason });
      }
    },
    get databaseId() {
      return databaseId;
    },
    get hasLeftovers() {
      return embeddings?.hasLeftovers ?? false;
    },
    get reports() {
      return embeddings?.reports ?? [];
    },
    get vitals() {
      return running?.vitals;
    },
    workDone: () => [...earlier, ...(running?.workDone() ?? [])],
    async stop(options) {
      stopped ??= loop.stop();
      await stopped;
      await running?.stop(options);
    },
  };
}
