import { type Clock, systemClock } from '../core/clock.ts';
import type { Env } from '../core/env.ts';
import { isLamplighterError, messageOf } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import { withProcessId } from '../core/process-id.ts';
import { createTroubles } from '../core/recurring-trouble.ts';
import type { Service } from '../core/service.ts';
import type { ConnectionSettings } from '../db/connection/connection-settings.ts';
import { describeConnection } from '../db/connection/connection-text.ts';
import { DATABASE_TROUBLE } from '../db/database-trouble.ts';
import { requireWritableServer } from '../db/migrate/writable-server.ts';
import { createPool } from '../db/pool.ts';
import { type ControlId, readControlId } from '../embeddings/jobs/control-id.ts';
import { resolveJobConnection } from '../embeddings/jobs/job-connection.ts';
import type { JobRow, WantedJob } from '../embeddings/jobs/job-row.ts';
import type { ModelRegistry } from '../models/registry.ts';
import { createMeter } from '../monitoring/meter.ts';
import type { StopOptions } from '../process/stop.ts';
import { createDatabaseCheck, type Vitals } from '../process/vitals.ts';
import type { WorkDone } from '../process/work-done.ts';
import type { DaemonConfig } from './config.ts';
import { createFillSlots } from './fill-slots.ts';
import type { ImageFetcherOptions } from './images/fetch-image.ts';
import { type JobMarks, startJobMarks } from './job-marks.ts';
import type { JobReport } from './job-report.ts';
import { type JobsWatcher, startJobsWatcher } from './jobs-watcher.ts';
import { createServedModels } from './served-models.ts';
import { startTarget, type Target } from './target.ts';

export interface StartDaemonOptions {
  /** The database that holds the jobs table. */
  readonly settings: ConnectionSettings;
  /** The environment, for `env:LAMPLIGHTER_DB_*` in the jobs table. */
  readonly env: Env;
  readonly config: DaemonConfig;
  readonly models: ModelRegistry;
  readonly log: Logger;
  readonly clock?: Clock;
  /** Options of the image fetcher, for tests. @internal */
  readonly images?: ImageFetcherOptions;
}

/** A running embedding daemon. */
export interface Daemon extends Service {
  /** The jobs that it serves, as far as their databases could be opened. */
  readonly jobs: readonly JobReport[];
  /** Vectors written and rows failed since the start, in all databases. */
  workDone(): readonly WorkDone[];
  /** Claims nothing more, lets what runs finish for up to 20 s, hands back the rest, and resolves when everything is closed. */
  stop(options?: StopOptions): Promise<void>;
}

/** A daemon, with how it is in the database of the jobs table and in those that it serves. */
export interface WatchedDaemon extends Daemon {
  vitals(): readonly Vitals[];
}

/** The database of the jobs table itself. */
const MAIN = '';

/**
 * Starts the embedding daemon: what the rows of the jobs table ask for is made true, in as many databases as they name, until it is stopped.
 * Any number of daemons may serve one table; they share the work.
 *
 * @throws LamplighterError CONFIG_INVALID for a jobs table that is missing, lacks columns or is not trusted; PERMISSION_DENIED; and those of
 * connecting to its database. What is wrong with a job is told in its row instead.
 */
export async function startDaemon(options: StartDaemonOptions): Promise<WatchedDaemon> {
  const { settings, env, config, models: registry, clock = systemClock } = options;
  const log = withProcessId(options.log);
  const troubles = createTroubles({ log, clock, shared: DATABASE_TROUBLE });
  const db = createPool(settings, { max: 2, queryTimeoutMs: 15_000, applicationName: 'lamplighter daemon', log });
  const imageFetcher = config.allowsUrlImages
    ? (await import('./images/fetch-image.ts')).createImageFetcher(options.images)
    : undefined;
  const models = createServedModels({ registry, log, troubles, clock, imageFetcher });
  const fillSlots = createFillSlots(config.queueSize);
  const targets = new Map<string, Target>();
  const closing = new Set<Promise<void>>();
  /** Kept for the figures of what they have done. */
  const closedTargets: Pick<Target, 'workDone'>[] = [];
  let watcher: JobsWatcher | undefined;
  let marks: JobMarks | undefined;
  let stopped: Promise<void> | undefined;

  /** Where a job belongs; undefined with its reason told. */
  function placeOf({
    id,
    marks: seen,
    spec,
  }: JobRow): { key: string; settings: ConnectionSettings; spec: WantedJob } | undefined {
    const refuse = (problem: string) => {
      if (!seen.isCanceled && seen.failureReason !== problem && marks?.isPending(id) !== true) {
        log.warn({ job: id }, `the job ${id} cannot be done: ${problem}`);
        marks?.note(id, { failureReason: problem });
      }
      return undefined;
    };
    if ('problem' in spec) return refuse(spec.problem);
    try {
      const resolved = resolveJobConnection(spec.connection, {
        main: settings,
        env,
        allowedHosts: config.allowedHosts,
      });
      return { key: resolved === settings ? MAIN : (spec.connection ?? MAIN), settings: resolved, spec };
    } catch (error) {
      const hint = isLamplighterError(error) && error.hint !== undefined ? `. ${error.hint}` : '';
      return refuse(`${messageOf(error)}${hint}`);
    }
  }

  function heed(rows: readonly JobRow[], control: ControlNames): void {
    if (stopped !== undefined) return;
    const everywhere = new Set<string>();
    const canceled = new Set<string>();
    const places = new Map<
      string,
      { settings: ConnectionSettings; rows: Map<string, { row: JobRow; spec: WantedJob; isCanceled: boolean }> }
    >();
    for (const row of rows) {
      const isOurs = (row.label ?? undefined) === config.label;
      const place = isOurs ? placeOf(row) : undefined;
      // Another daemon's, or not to be understood: wherever something was made for it, it stays.
      if (place === undefined) {
        everywhere.add(row.id);
        if (isOurs && row.marks.isCanceled) canceled.add(row.id);
      } else {
        const known = places.get(place.key) ?? { settings: place.settings, rows: new Map() };
        known.rows.set(row.id, { row, spec: place.spec, isCanceled: row.marks.isCanceled });
        places.set(place.key, known);
      }
    }
    for (const [key, { settings: at }] of places) if (!targets.has(key)) open(key, at, control);
    const isKnown = [...places.keys()].every((key) => targets.get(key)?.databaseId !== undefined);
    for (const [key, target] of targets) {
      const place = places.get(key);
      target.setJobs({ rows: place?.rows ?? new Map(), kept: keptIn(target), canceled });
      if (place === undefined && isKnown && !target.hasLeftovers) close(key, target);
    }

    /**
     * Jobs to be left as they are in a target: those served there under another connection string, too, until it is certain that they moved
     * away.
     */
    function keptIn({ databaseId: own }: Target): ReadonlySet<string> {
      const others = [...places].filter(([key]) => {
        const other = targets.get(key)?.databaseId;
        return own === undefined || other === undefined || other === own;
      });
      return new Set([...everywhere, ...others.flatMap(([, { rows: ids }]) => [...ids.keys()])]);
    }
  }

  function open(key: string, at: ConnectionSettings, control: ControlNames): void {
    log.info(`serving jobs in ${describeConnection(at)}`);
    const target = startTarget({
      settings: at,
      controlOf(databaseId) {
        const isMain = key === MAIN || (databaseId !== undefined && databaseId === control.database);
        return isMain
          ? { controlId: control.local, jobRowOwner: control.rowOwner() }
          : { controlId: control.global, jobRowOwner: undefined };
      },
      config,
      models,
      fillSlots,
      mark: (jobId, mark) => marks?.note(jobId, mark),
      log,
      troubles,
      clock,
    });
    targets.set(key, target);
  }

  function close(key: string, target: Target): void {
    targets.delete(key);
    closedTargets.push(target);
    const closed = target.stop().catch((error: unknown) => log.debug({ err: error }, 'could not close a database'));
    closing.add(closed);
    void closed.finally(() => closing.delete(closed));
  }

  async function stopAll(stopOptions?: StopOptions): Promise<void> {
    await watcher?.stop().catch(() => undefined);
    await Promise.allSettled([...[...targets.values()].map((target) => target.stop(stopOptions)), ...closing]);
    await marks?.stop();
    await imageFetcher?.close();
    await db.end();
  }

  try {
    await requireWritableServer(db);
    let control: ControlNames | undefined;
    let first: readonly JobRow[] | undefined;
    watcher = await startJobsWatcher({
      db,
      config,
      onRows(rows) {
        if (control === undefined) first = rows;
        else heed(rows, control);
      },
      log,
      troubles,
      clock,
    });
    const watching = watcher;
    marks = startJobMarks({ db, table: () => watching.table, troubles, clock });
    const ids = await readControlId(db, watching.table);
    control = {
      ...ids,
      // Where nobody else may write, the rows are the owner's.
      rowOwner: () => (watching.table.writers.length === 0 ? watching.table.owner : undefined),
    };
    if (first !== undefined) heed(first, control);
    log.info(`watching the jobs in ${watching.table.quotedName} of ${describeConnection(settings)}`);
  } catch (error) {
    await stopAll({ isImmediate: true });
    throw error;
  }

  const mainDatabase = createDatabaseCheck(() => db.query('select'), clock);
  const draining = { check: 'draining', problem: 'nothing more is claimed, as the process stops' } as const;
  /** Its schema is in the databases that have tables of jobs. */
  const own: Vitals = {
    meter: createMeter(() => clock.nowMs()),
    inFlight: () => 0,
    heartbeatAgeMs: () => undefined,
    installation: () => undefined,
    readiness: async () => ({
      failed: [...(await mainDatabase()), ...(stopped === undefined ? [] : [draining])],
      degraded: [],
    }),
  };

  return {
    get jobs() {
      return [...targets.values()].flatMap(({ reports }) => reports);
    },
    vitals() {
      return [own, ...[...targets.values()].flatMap(({ vitals }) => vitals ?? [])];
    },
    workDone() {
      const all = [...closedTargets, ...targets.values()].flatMap((target) => target.workDone());
      const sum = (of: 'processed' | 'failed') => all.reduce((total, each) => total + each[of], 0);
      return [{ name: 'vectors', processed: sum('processed'), failed: sum('failed') }];
    },
    stop(stopOptions) {
      if (stopped === undefined) stopped = stopAll(stopOptions);
      else if (stopOptions?.isImmediate === true) {
        for (const target of targets.values()) void target.stop(stopOptions).catch(() => undefined);
      }
      return stopped;
    },
  };
}

interface ControlNames extends ControlId {
  readonly rowOwner: () => string | undefined;
}
