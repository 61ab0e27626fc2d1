import { type Clock, systemClock } from '../core/clock.ts';
import { hostname, pid } from '../core/env.ts';
import { LamplighterError, messageOf } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import { createTroubles } from '../core/recurring-trouble.ts';
import type { Service } from '../core/service.ts';
import { VERSION } from '../core/version.ts';
import type { WorkerConfig } from '../core/worker-config.ts';
import type { ConnectionSettings } from '../db/connection-settings.ts';
import { DATABASE_TROUBLE } from '../db/database-trouble.ts';
import { startListener } from '../db/listener.ts';
import { requireSchema } from '../db/migrate/schema-state.ts';
import { requireWritableServer } from '../db/migrate/writable-server.ts';
import { createPool } from '../db/pool.ts';
import type { ModelRegistry } from '../models/registry.ts';
import { CANCEL_CHANNEL, parseWakeUp, WAKE_CHANNEL } from '../requests/wake-up.ts';
import { startAnnouncer } from './announcer.ts';
import { createAnswerer } from './answerer.ts';
import { startCanceller } from './canceller.ts';
import { startCompleter } from './completer.ts';
import { startDispatcher } from './dispatcher.ts';
import { createDuties } from './duties.ts';
import { createExecutor } from './executor.ts';
import { createInFlight } from './in-flight.ts';
import { loadLanes, type ServedReport } from './lanes.ts';
import { createModelHealth } from './model-health.ts';
import { startOutcomeLog } from './outcome-log.ts';
import { createPruner } from './pruner.ts';
import { createRescuer } from './rescuer.ts';
import { createSettingsWatcher, type LiveSettings } from './settings-watcher.ts';
import { createSlots } from './slots.ts';
import { createStop, type StopOptions, stopAll } from './stop-worker.ts';
import { startUpkeep, type UpkeepService } from './upkeep.ts';
import { createWaker, restMs } from './waker.ts';
import { startWorkerLease } from './worker-lease.ts';

export type { StopOptions };

export interface StartWorkerOptions {
  readonly settings: ConnectionSettings;
  readonly config: WorkerConfig;
  /** Options that were given by flag, variable or code; settings in the database change only the others. @default none */
  readonly fixed?: ReadonlySet<keyof LiveSettings>;
  readonly models: ModelRegistry;
  readonly log: Logger;
  readonly clock?: Clock;
  /** Gives up loading models; the worker that has started is stopped by `stop`. */
  readonly signal?: AbortSignal;
}

/** A running worker. */
export interface Worker extends Service {
  /** The id in `steadytext_worker_status()`; a lost lease changes it. */
  readonly workerId: string;
  readonly report: ServedReport;
  /**
   * Resolves, if ever, with WORKER_FAILED: a part of the worker has ended by a fault. It then begins to stop by itself, at once, as it
   * must not claim what it may not be able to record.
   */
  readonly died: Promise<LamplighterError>;
  /**
   * Claims nothing more, lets what runs finish for up to 20 s, hands back the rest, and resolves when everything is closed. A second
   * call with `isImmediate` cuts the wait short.
   */
  stop(options?: StopOptions): Promise<void>;
}

/**
 * Starts a worker: it holds a lease, claims requests of the functions whose models loaded, answers them and records the answers.
 *
 * @throws LamplighterError SCHEMA_MISSING, SCHEMA_TOO_OLD, SCHEMA_TOO_NEW, PERMISSION_DENIED, and those of connecting.
 */
export async function startWorker(options: StartWorkerOptions): Promise<Worker> {
  const { settings, config, models, log, clock = systemClock } = options;
  let die: (error: LamplighterError) => void = () => undefined;
  const died = new Promise<LamplighterError>((resolve) => {
    die = resolve;
  });
  const troubles = createTroubles({
    log,
    clock,
    shared: DATABASE_TROUBLE,
    onDeath(what, cause) {
      const message = `The worker has failed, as the part of it that had to ${what} ended: ${messageOf(cause)}`;
      die(new LamplighterError('WORKER_FAILED', message, { cause, hint: 'Start it again.' }));
    },
  });
  const opened: Service[] = [];
  const db = createPool(settings, {
    // Besides the pool: the listener, the fresh session that reads settings, and the one that looks for a pooler.
    max: Math.min(3, config.maxConnections - 3),
    // Shorter than the lease: a query that hangs must not keep the heartbeat from its connection.
    queryTimeoutMs: Math.min(15_000, config.leaseMs / 2),
    applicationName: 'lamplighter worker',
    log,
  });
  opened.push({ stop: () => db.end() });
  const keep = <T extends Service>(service: T): T => {
    opened.unshift(service);
    return service;
  };
  try {
    await requireSchema(db);
    await requireWritableServer(db);
    const live: LiveSettings = { concurrency: config.concurrency, pollIntervalMs: config.pollIntervalMs };
    const served = await loadLanes(models, config, options.signal ?? new AbortController().signal);
    const counts = { processed: 0, failed: 0 };
    const inFlight = createInFlight();

    const { fixed = new Set() } = options;
    let onSettingsChange = () => {};
    let onQuarantined = () => {};
    let onRescued = (_hasQuarantined: boolean) => {};
    let upkeep: UpkeepService | undefined;
    const outcomes = keep(startOutcomeLog({ db, lanes: served.lanes, log, troubles, clock }));
    const settingsWatcher = await createSettingsWatcher({
      db,
      settings,
      live,
      fixed,
      onChange: () => onSettingsChange(),
      log,
      troubles,
    });
    const duties = createDuties([
      settingsWatcher,
      createRescuer({
        db,
        maxRetries: config.maxRetries,
        intervalMs: config.heartbeatMs,
        leaseMs: config.leaseMs,
        onRescued: (hasQuarantined) => onRescued(hasQuarantined),
        onFailed: (request) => outcomes.noteDeath(request),
        log,
        troubles,
      }),
      createPruner({ db, retentionMs: config.retentionMs, log, troubles }),
    ]);
    const health = createModelHealth({ served, troubles, clock });
    const lease = await startWorkerLease({
      // A table that somebody has locked can hang up every other query for half a lease each.
      db: db.urgent,
      inFlight,
      registration: {
        hostname: hostname(),
        pid,
        version: VERSION,
        lanes: served.lanes,
        concurrency: live.concurrency,
        leaseMs: config.leaseMs,
      },
      heartbeatMs: config.heartbeatMs,
      figures: () => ({
        concurrency: live.concurrency,
        processed: counts.processed,
        failed: counts.failed,
        troubles: health.list(),
      }),
      onQuarantined: () => onQuarantined(),
      duties,
      onRenewed({ settings: published, isUpkeepLate }) {
        settingsWatcher.apply(published);
        if (isUpkeepLate) upkeep?.noteLate();
      },
      log,
      troubles,
      clock,
    });
    keep(lease);
    keep(duties);
    const announcer = keep(startAnnouncer({ db, workerId: () => lease.workerId, log, troubles, clock }));
    const completer = startCompleter({
      db,
      inFlight,
      announcer,
      maxRetries: config.maxRetries,
      log,
      troubles,
      clock,
      onRecorded: (end, status) => {
        const { outcome } = end;
        outcomes.note(end, status);
        // What was handed back without charge has not been processed.
        if (outcome.kind === 'defer' || outcome.kind === 'release') return;
        counts.processed += 1;
        if (status !== 'completed') counts.failed += 1;
      },
    });
    keep(completer);
    const functionCount = new Set(served.lanes.map(({ functionName }) => functionName)).size;
    const waker = createWaker(
      db,
      (isAsleep) => (isAsleep && upkeep?.isWell === true ? restMs(live.pollIntervalMs) : live.pollIntervalMs),
      log,
      clock,
    );
    const dispatcher = startDispatcher({
      db,
      lease,
      served,
      slots: createSlots(() => live.concurrency, functionCount),
      inFlight,
      executor: createExecutor({
        answerer: createAnswerer(db, health.note),
        timeoutMs: config.timeoutMs,
        record: (ends) => completer.push(ends),
        log,
        troubles,
        clock,
      }),
      waker,
      log,
      troubles,
      clock,
    });
    onSettingsChange = () => dispatcher.wake();
    onQuarantined = () => dispatcher.noteQuarantined();
    const canceller = keep(startCanceller({ db, inFlight, troubles, clock }));
    onRescued = (hasQuarantined) => {
      if (hasQuarantined) dispatcher.noteQuarantined();
      dispatcher.wake();
    };
    upkeep = keep(
      startUpkeep({ db, workerId: () => lease.workerId, onPromoted: () => dispatcher.wake(), troubles, clock }),
    );
    keep(
      startListener({
        settings,
        channels: [WAKE_CHANNEL, CANCEL_CHANNEL],
        onEvent: (channel, payload) => {
          if (channel === CANCEL_CHANNEL) canceller.onCancel(payload);
          else {
            const wakeUp = parseWakeUp(payload);
            if (wakeUp?.topic !== 'requests') return;
            if (wakeUp.epoch !== undefined) waker.onWakeUp(wakeUp.epoch);
            dispatcher.wake();
          }
        },
        onResync: () => dispatcher.wake(),
        onState: (state) => {
          waker.setListening(state === 'listening');
          dispatcher.wake();
        },
        log,
        troubles,
        clock,
      }),
    );

    const stop = createStop({ lease, dispatcher, completer, inFlight, services: opened, log, clock });
    void died.then(() => stop({ isImmediate: true })).catch(() => undefined);
    return {
      get workerId() {
        return lease.workerId;
      },
      report: served.report,
      died,
      stop,
    };
  } catch (error) {
    await stopAll(opened).catch((failure: unknown) => log.warn({ err: failure }, 'could not close everything'));
    throw error;
  }
}
