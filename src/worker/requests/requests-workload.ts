import type { Troubles } from '../../core/recurring-trouble.ts';
import type { Service } from '../../core/service.ts';
import type { Queryable } from '../../db/query.ts';
import type { ModelRegistry } from '../../models/registry.ts';
import { runOperations } from '../../operations/run-operations.ts';
import type { Duty } from '../../process/duties.ts';
import { createPollSchedule, restMs } from '../../process/poll-schedule.ts';
import { stopAll } from '../../process/stop.ts';
import { WAKE_CHANNEL } from '../../process/wake-up.ts';
import type { Workload, WorkloadContext } from '../../process/workload.ts';
import { laneKey } from '../../requests/claimed-request.ts';
import type { WorkerConfig } from '../config.ts';
import { CANCEL_CHANNEL, startCanceller } from './canceller.ts';
import { startDispatcher } from './claim/dispatcher.ts';
import { createInFlight } from './in-flight.ts';
import { loadLanes, type ServedReport } from './lanes.ts';
import { startCompleter } from './record/completer.ts';
import { startEventPublisher } from './record/event-publisher.ts';
import { measureCompletions } from './record/measure-completions.ts';
import { startOutcomeLog } from './record/outcome-log.ts';
import { createAnswerer } from './run/answerer.ts';
import { createExecutor } from './run/executor.ts';
import { createModelHealth } from './run/model-health.ts';
import { endProcessSpan } from './run/process-spans.ts';
import { createPruner } from './upkeep/pruner.ts';
import { createRescuer } from './upkeep/rescuer.ts';
import { createSettingsWatcher, type LiveSettings } from './upkeep/settings-watcher.ts';
import { startUpkeep } from './upkeep/upkeep.ts';

interface RequestsWorkloadOptions {
  readonly config: WorkerConfig;
  /** Options that were given by flag, variable or code; settings in the database change only the others. */
  readonly fixed: ReadonlySet<keyof LiveSettings>;
  readonly models: ModelRegistry;
}

/** The requests as work of a process, and what of them it serves. */
interface RequestsWorkload extends Workload {
  readonly report: ServedReport;
}

/**
 * Opens the workload of AI requests: those of the functions whose models load are claimed, answered and recorded.
 *
 * `claim/` finds and claims requests, `run/` answers them within time and concurrency, `record/` records their completions and publishes events of them,
 * `upkeep/` is what one worker does for all.
 */
export async function openRequests(
  context: WorkloadContext,
  { config, fixed, models }: RequestsWorkloadOptions,
): Promise<RequestsWorkload> {
  const { db, settings, withShortSession, lease, log, troubles, meter, clock } = context;
  let running: ReturnType<typeof startServices> | undefined;
  const live: LiveSettings = { concurrency: config.concurrency, pollIntervalMs: config.pollIntervalMs };
  const served = await loadLanes(models, config, context.signal);
  const settingsWatcher = await createSettingsWatcher({
    db,
    settings,
    withShortSession,
    live,
    fixed,
    onChange: () => running?.dispatcher.wake(),
    log,
    troubles,
  });
  const counts = { processed: 0, failed: 0 };
  const inFlight = createInFlight(clock);
  const measured = measureCompletions(meter, () => clock.nowMs());
  const health = createModelHealth({ served, troubles, clock });
  const outcomes = startOutcomeLog({ db, lanes: served.lanes, log, troubles, clock });

  /** The services that begin once the lease is granted. */
  function startServices() {
    const publisher = startEventPublisher({ db, workerId: () => lease.workerId, log, troubles, clock });
    const completer = startCompleter({
      db,
      inFlight,
      publisher,
      maxRetries: config.maxRetries,
      log,
      troubles,
      clock,
      onRecorded: (completion, status, atMs) => {
        const { outcome } = completion;
        outcomes.note(completion, status);
        endProcessSpan(completion.entry, outcome, status);
        measured.note(completion, status, atMs);
        // A request that was handed back without charge has not been processed.
        if (outcome.kind === 'defer' || outcome.kind === 'release') return;
        counts.processed += 1;
        if (status !== 'completed') counts.failed += 1;
      },
    });
    const upkeep = startUpkeep({
      db,
      workerId: () => lease.workerId,
      onPromoted: () => running?.dispatcher.wake(),
      troubles,
      clock,
    });
    const schedule = createPollSchedule({
      db,
      topic: 'requests',
      longestPauseMs: (isAsleep) => (isAsleep && upkeep.isWell ? restMs(live.pollIntervalMs) : live.pollIntervalMs),
      log,
      clock,
    });
    const dispatcher = startDispatcher({
      db,
      onClaimed: measured.noteClaim,
      lease,
      served,
      concurrency: () => live.concurrency,
      inFlight,
      executor: createExecutor({
        answerer: createAnswerer(db, health.note),
        timeoutMs: config.timeoutMs,
        record: (completions) => completer.push(completions),
        log,
        troubles,
        clock,
      }),
      schedule,
      log,
      troubles,
      clock,
    });
    const canceller = startCanceller({ db, inFlight, troubles, clock });
    return { publisher, completer, upkeep, schedule, dispatcher, canceller };
  }

  return {
    name: 'requests',
    report: served.report,
    lanes: served.lanes.map(laneKey),
    channels: [WAKE_CHANNEL, CANCEL_CHANNEL],
    duties: [
      settingsWatcher,
      createPruner({ db, retentionMs: config.retentionMs, log, troubles }),
      createOperationsDuty({ db, troubles }),
    ],
    rescues: [
      createRescuer({
        db,
        maxRetries: config.maxRetries,
        onRescued(hasQuarantined, count) {
          meter.noteRescues(count);
          if (hasQuarantined) running?.dispatcher.noteQuarantined();
          running?.dispatcher.wake();
        },
        onFailed(request) {
          outcomes.noteDeath(request);
          measured.noteDeath(request.lane);
        },
        log,
        troubles,
      }),
    ],
    claims: inFlight,
    get inFlight() {
      return inFlight.size;
    },
    hasInFlight: (workerId) => inFlight.hasAnyOf(workerId),
    figures: () => ({ concurrency: live.concurrency, ...counts, troubles: health.list() }),
    claimProblem: () => running?.dispatcher.problem(),
    start() {
      running = startServices();
    },
    onNotification(channel, payload) {
      if (channel === CANCEL_CHANNEL) running?.canceller.onCancel(payload);
      else if (running?.schedule.noteWakeUp(payload) === true) running.dispatcher.wake();
    },
    onResync: () => running?.dispatcher.wake(),
    onListening(isListening) {
      running?.schedule.setListening(isListening);
      running?.dispatcher.wake();
    },
    onRenewed({ settings: published, isUpkeepLate, hasQuarantined }) {
      settingsWatcher.apply(published);
      if (isUpkeepLate) running?.upkeep.noteLate();
      if (hasQuarantined) running?.dispatcher.noteQuarantined();
    },
    async stopClaiming() {
      await running?.dispatcher.stop().catch(() => undefined);
      running?.completer.handBackRefused();
    },
    idle: () => inFlight.empty(),
    abort: (reason, workerId) => inFlight.abortAll(reason, workerId),
    async stop() {
      const services: Service[] =
        running === undefined ? [] : [running.upkeep, running.canceller, running.completer, running.publisher];
      await stopAll([...services, outcomes], 'worker');
    },
  };
}

/** Works off the operations on all that match that dashboards and commands have begun: the process that began one may be dead. */
function createOperationsDuty({ db, troubles }: { readonly db: Queryable; readonly troubles: Troubles }): Duty {
  return {
    name: () => 'run_operations',
    intervalMs: 1_000,
    run: (_heartbeat, signal) => runOperations(db, signal),
    trouble: troubles.define('work off operations'),
  };
}
