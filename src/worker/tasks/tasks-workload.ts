import { createFailureLines } from '../../core/failure-lines.ts';
import type { Service } from '../../core/service.ts';
import { directOf } from '../../db/connection/connection-settings.ts';
import { loadQuery } from '../../db/load-sql.ts';
import { createPollSchedule } from '../../process/poll-schedule.ts';
import { stopAll } from '../../process/stop.ts';
import { WAKE_CHANNEL } from '../../process/wake-up.ts';
import type { Workload, WorkloadContext } from '../../process/workload.ts';
import type { ClaimedTask } from '../../tasks/claim-tasks.ts';
import { createRoleLogins, type RoleLoginOptions } from '../../tasks/role-logins.ts';
import { runTask } from '../../tasks/run-task.ts';
import { TASK_CANCEL_CHANNEL } from '../../tasks/task-upkeep.ts';
import { createTextParser } from '../../tasks/text-parser.ts';
import { type Attempt, type RecordedEnd, startAttempt } from './attempt.ts';
import { startReasonPublisher } from './reason-publisher.ts';
import { createRoleBackoff } from './role-backoff.ts';
import { startTaskCanceller } from './task-canceller.ts';
import { startTaskDispatcher } from './task-dispatcher.ts';
import { createTaskDuties } from './task-duties.ts';
import { createTaskRescuer } from './task-rescuer.ts';
import { createTaskSessions } from './task-sessions.ts';
import { startTaskSpan } from './task-spans.ts';

const MEASURED_AS = { succeeded: 'completed', failed: 'failed', canceled: 'cancelled' } as const;
const READ_OWN_LOGIN = loadQuery('read_own_login');

export interface TasksWorkloadOptions {
  readonly pollIntervalMs: number;
  /** How long a stop lets tasks run before it breaks them off. */
  readonly drainMs: number;
  /** Longest run of the completion handlers that one task calls; tasks that somebody queued have no limit. */
  readonly handlerTimeoutMs: number;
  /** Age at which ended tasks are deleted; undefined keeps them. */
  readonly retentionMs: number | undefined;
  readonly logins: RoleLoginOptions;
}

/**
 * Opens the workload of tasks: texts of callers, each run in a session that logged in as its role.
 *
 * A text runs for as long as it takes, so nothing here waits for one but its own attempt. When the lease is lost, what runs goes on: nobody
 * reruns a task while its backend is there, so its end can still be recorded under the old id.
 */
export async function openTasks(context: WorkloadContext, options: TasksWorkloadOptions): Promise<Workload> {
  const { db, settings, lease, log, troubles, meter, clock } = context;
  const { pollIntervalMs, drainMs, handlerTimeoutMs, retentionMs } = options;
  const concurrency = context.sessions.limit;
  const [own] = (await db.query<{ role: string; database: string }>(READ_OWN_LOGIN)).rows;
  if (own === undefined) throw new Error('the server did not say who is logged in');
  const logins = createRoleLogins(settings, { ownRole: own.role, ...options.logins }, clock);
  const sessions = createTaskSessions({
    logins,
    database: own.database,
    room: context.sessions,
    withShortSession: (work) => context.withShortSession(work),
    log,
    clock,
  });
  const parser = createTextParser();
  const attempts = new Set<Attempt>();
  const counts = { processed: 0, failed: 0 };
  meter.open('tasks');
  const measured = meter.lane('tasks', '', '');
  const givenUp = new AbortController();
  const backoff = createRoleBackoff(clock, () => running?.publisher.wake());
  const failures = createFailureLines({
    noun: 'tasks',
    one: 'a task failed',
    more: (count) => `${count} more tasks failed in the last minute`,
    log,
    clock,
  });
  const loginTrouble = troubles.define('log in as the role of a task');
  const recordTrouble = troubles.define('record sessions and outcomes of tasks');
  const rescuer = createTaskRescuer({
    db,
    workerId: () => lease.workerId,
    sessions,
    settings: directOf(settings),
    onRescued: () => running?.dispatcher.wake(),
    onSettled(status) {
      meter.noteRescues(1);
      measure(status, undefined);
    },
    log,
    troubles,
    clock,
  });
  let running: ReturnType<typeof startServices> | undefined;
  let last: ClaimedTask | undefined;
  const onIdle: (() => void)[] = [];

  function measure(end: keyof typeof MEASURED_AS | 'queued', runMs: number | undefined): void {
    if (end === 'queued') measured.noteRetry(runMs);
    else measured.noteEnd(MEASURED_AS[end], runMs);
  }

  function start(task: ClaimedTask, workerId: string): void {
    last = task;
    const endSpan = startTaskSpan(task, workerId);
    attempts.add(
      startAttempt(
        {
          db,
          sessions,
          runTask,
          parser,
          backoff,
          loginTrouble,
          recordTrouble,
          givenUp: givenUp.signal,
          onEnd(attempt, end, errorMessage) {
            endSpan(end);
            onEnd(attempt, end, errorMessage);
          },
          log,
          clock,
        },
        task,
        workerId,
      ),
    );
  }

  function onEnd(attempt: Attempt, end: RecordedEnd, errorMessage = ''): void {
    const { jobid, username: role } = attempt.task;
    const ms = Math.round(clock.nowMs() - attempt.startedMs);
    log.debug({ jobid, role, end: end ?? 'left to others', ms }, 'a task has ended');
    // Its first line: a caret means nothing in a log.
    if (end === 'failed') failures.tell({ jobid, role }, errorMessage.split('\n', 1)[0] ?? '');
    if (end !== undefined && end !== 'queued') {
      counts.processed += 1;
      backoff.tryAgain(role);
    }
    if (end === 'failed') counts.failed += 1;
    if (end !== undefined) measure(end, ms);
    if (attempt.isHandedBack()) log.info({ jobid, role, end: end ?? 'left to others' }, handBackLine(end));
    attempts.delete(attempt);
    running?.dispatcher.wake();
    if (attempts.size > 0) return;
    for (const resolve of onIdle.splice(0)) resolve();
  }

  /** What begins with the lease. */
  function startServices() {
    const workerId = () => lease.workerId;
    const publisher = startReasonPublisher({ db, workerId, concurrency, reasons: backoff.reasons, troubles, clock });
    const schedule = createPollSchedule({ db, topic: 'tasks', longestPauseMs: () => pollIntervalMs, log, clock });
    const dispatcher = startTaskDispatcher({
      db,
      lease,
      handlerTimeoutMs,
      room: () => concurrency - attempts.size,
      start,
      // A rush of many roles has no use for it.
      onIdle: () => last !== undefined && sessions.keepSpare(last),
      backoff,
      schedule,
      log,
      troubles,
      clock,
    });
    const canceller = startTaskCanceller({ db, attempts, troubles, clock });
    return { publisher, schedule, dispatcher, canceller, cancelRescuer: rescuer.start() };
  }

  return {
    name: 'tasks',
    channels: [WAKE_CHANNEL, TASK_CANCEL_CHANNEL],
    graceMs: drainMs,
    duties: createTaskDuties({ db, retentionMs, log, troubles }),
    rescues: [rescuer.rescue],
    get inFlight() {
      return attempts.size;
    },
    hasInFlight: (workerId) => [...attempts].some((attempt) => attempt.workerId === workerId),
    figures: () => counts,
    claimProblem: () => running?.dispatcher.problem(),
    start() {
      running = startServices();
    },
    onNotification(channel, payload) {
      if (channel === TASK_CANCEL_CHANNEL) {
        // Any role may send on the channel, so this is a reason to look.
        if ([...attempts].some(({ task }) => task.runId === payload)) running?.canceller.wake();
        else running?.cancelRescuer.noteCancel();
      } else if (running?.schedule.noteWakeUp(payload) === true) running.dispatcher.wake();
    },
    onResync() {
      running?.dispatcher.wake();
      running?.canceller.wake();
      // Of what was cancelled before, nobody has told.
      running?.cancelRescuer.noteCancel();
    },
    onListening(isListening) {
      running?.schedule.setListening(isListening);
      running?.dispatcher.wake();
    },
    onRenewed: () => running?.publisher.noteWorkerId(),
    stopClaiming: async () => running?.dispatcher.stop().catch(() => undefined),
    idle: () => (attempts.size === 0 ? Promise.resolve() : new Promise((resolve) => onIdle.push(resolve))),
    abort(reason, workerId) {
      if (reason === 'lost') return;
      for (const attempt of attempts) if (workerId === undefined || attempt.workerId === workerId) attempt.handBack();
    },
    async stop() {
      givenUp.abort();
      const services: Service[] =
        running === undefined ? [] : [running.dispatcher, running.canceller, running.cancelRescuer, running.publisher];
      const left = [...attempts];
      for (const { task } of left) {
        log.warn({ jobid: task.jobid, role: task.username }, 'left a task to other workers, as it did not end in time');
      }
      for (const attempt of left) attempt.abandon();
      await Promise.all(left.map(({ done }) => done));
      await stopAll([...services, failures, sessions, parser]);
    },
  };
}

function handBackLine(end: RecordedEnd): string {
  if (end === 'queued') return 'handed a task back, to be run again';
  if (end === 'failed') return 'broke off a task that cannot be run again';
  return 'a task ended as the worker stopped';
}
