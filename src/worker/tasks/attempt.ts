import { backoffMs } from '../../core/backoff.ts';
import type { Clock } from '../../core/clock.ts';
import { messageOf } from '../../core/errors.ts';
import type { Logger } from '../../core/log.ts';
import type { Trouble } from '../../core/recurring-trouble.ts';
import type { Queryable } from '../../db/query.ts';
import type { TaskSession } from '../../db/task-session/task-session.ts';
import type { ClaimedTask } from '../../tasks/claim-tasks.ts';
import {
  type FinishedTask,
  finishTask,
  type NotedSession,
  noteTaskSession,
  type Release,
  releaseTask,
} from '../../tasks/finish-task.ts';
import type { TaskEnd } from '../../tasks/run.ts';
import type { runTask } from '../../tasks/run-task.ts';
import type { TextParser } from '../../tasks/text-parser.ts';
import { breakOff } from './break-off.ts';
import type { RoleBackoff } from './role-backoff.ts';
import type { TaskSessions } from './task-sessions.ts';

const RECORD_PAUSE = { baseMs: 50, capMs: 5_000 };
/** First pause before asking again for a run whose backend is still there; each is twice as long as the last. */
const GONE_PAUSE_MS = 20;
const LONGEST_GONE_PAUSE_MS = 500;
/** How long a task waits when the server took no writes. */
const UNAVAILABLE_MS = 1_000;

/** How an attempt ended, as the database has it; undefined when it is another worker's by now, or could not be recorded before the stop. */
export type RecordedEnd = 'succeeded' | 'failed' | 'canceled' | 'queued' | undefined;

export interface AttemptDeps {
  readonly db: Queryable;
  readonly sessions: TaskSessions;
  readonly runTask: typeof runTask;
  readonly parser: TextParser;
  readonly backoff: RoleBackoff;
  /** Logins that fail. */
  readonly loginTrouble: Trouble;
  /** Ends that cannot be recorded. */
  readonly recordTrouble: Trouble;
  /** Gives up recording what could not be: it is left to the rescue. */
  readonly givenUp: AbortSignal;
  readonly onEnd: (attempt: Attempt, end: RecordedEnd, errorMessage?: string) => void;
  readonly log: Logger;
  readonly clock: Clock;
}

/** One attempt at a task, from its claim to its record. */
export interface Attempt {
  readonly task: ClaimedTask;
  /** Under which id it was claimed. */
  readonly workerId: string;
  readonly startedMs: number;
  /** Breaks off what runs, as somebody wants the task cancelled. */
  cancel(): void;
  /** The same because the worker stops: what can run again is handed back, without charge. */
  handBack(): void;
  isHandedBack(): boolean;
  /** Cuts its session: who finds it gone decides what becomes of the task. */
  abandon(): void;
  /** Resolves when nothing of it runs any more. */
  readonly done: Promise<void>;
}

/** Starts an attempt; whatever happens, it ends with one call of `onEnd`. */
export function startAttempt(deps: AttemptDeps, task: ClaimedTask, workerId: string): Attempt {
  const { db, sessions, parser, backoff, loginTrouble, recordTrouble, givenUp, onEnd, log, clock } = deps;
  const opening = new AbortController();
  const ended = new AbortController();
  let session: TaskSession | undefined;
  let breaking: Promise<void> | undefined;
  let isHandedBack = false;
  let couldNotNote = false;
  const attempt: Attempt = {
    task,
    workerId,
    startedMs: clock.nowMs(),
    cancel: interrupt,
    handBack() {
      isHandedBack = true;
      interrupt();
    },
    isHandedBack: () => isHandedBack,
    abandon() {
      opening.abort();
      session?.destroy(new Error('the worker stops'));
    },
    // A turn of the event loop, so that the caller holds the attempt before it can end.
    done: Promise.resolve().then(run).catch(noteFault),
  };

  function interrupt(): void {
    opening.abort();
    if (session === undefined || ended.signal.aborted) return;
    breaking ??= breakOff({ session, role: task.username, sessions, ended: ended.signal, log, clock });
  }

  /** Tries until it is written down, or nobody waits for it any more. */
  async function record<T>(work: () => Promise<T>): Promise<T | undefined> {
    for (let failures = 1; ; failures += 1) {
      try {
        const result = await work();
        recordTrouble.settle();
        return result;
      } catch (error) {
        if (givenUp.aborted) return undefined;
        recordTrouble.note(error, { jobid: task.jobid });
        await clock.delay(backoffMs(failures, undefined, RECORD_PAUSE), givenUp);
      }
    }
  }

  const finish = (end: FinishedTask) => record(() => finishTask(db, workerId, task, end));

  /** Hands an attempt without a verdict back, once its backend is gone. */
  async function release(how: Release): Promise<RecordedEnd> {
    for (let pauseMs = GONE_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_GONE_PAUSE_MS)) {
      const status = await record(() => releaseTask(db, workerId, task, how));
      if (status !== 'running') return status;
      if (givenUp.aborted) return undefined;
      await clock.delay(pauseMs, givenUp);
    }
  }

  /** Undefined when there is none, and the attempt has ended. */
  async function open(): Promise<TaskSession | undefined> {
    const opened = await sessions.open(task, opening.signal);
    if ('session' in opened) {
      loginTrouble.settle();
      backoff.settle(task.username);
      return opened.session;
    }
    if (opening.signal.aborted) {
      onEnd(attempt, await release({ reason: handBackReason(), isCharged: false }));
      return undefined;
    }
    const { trouble, cause } = opened;
    if (trouble.kind === 'refused') {
      // The end of this task alone: nothing waits for another login.
      const { errorMessage } = trouble;
      log.debug({ err: cause, jobid: task.jobid }, 'the login for a task is refused');
      onEnd(attempt, await finish({ status: 'failed', errorMessage }), errorMessage);
      return undefined;
    }
    const { username: role, jobid } = task;
    loginTrouble.note(cause ?? new Error(trouble.reason), { role, jobid });
    backoff.note(role, trouble.reason);
    onEnd(attempt, await release({ reason: trouble.reason, isCharged: false }));
    return undefined;
  }

  const handBackReason = () => (isHandedBack ? 'its worker stopped' : 'cancel requested');

  async function conclude(opened: TaskSession, end: TaskEnd): Promise<RecordedEnd> {
    if (end.kind === 'ended' && !(isHandedBack && end.status === 'failed')) {
      // A session that ran outside a transaction of ours proves until its end is recorded that the task is not to be given up. One that ran
      // inside leaves a proof in the database, and its locks should be gone when others hear of the end.
      if (end.guarantee === 'exactly once') await opened.end();
      const recorded = await finish(end);
      await opened.end();
      return recorded;
    }
    await opened.end();
    if (isHandedBack) return release({ reason: handBackReason(), isCharged: false });
    if (end.kind === 'lost') return release({ reason: end.reason, isCharged: true });
    if (end.kind === 'unavailable') return release({ reason: end.reason, delayMs: UNAVAILABLE_MS, isCharged: false });
    return release({ reason: handBackReason(), isCharged: false });
  }

  async function noteSession({ facts }: TaskSession, noted: Omit<NotedSession, 'facts'>): Promise<boolean> {
    try {
      return await noteTaskSession(db, workerId, task, { facts, ...noted });
    } catch (error) {
      couldNotNote = true;
      throw error;
    }
  }

  async function run(): Promise<void> {
    const opened = await open();
    if (opened === undefined) return;
    session = opened;
    // Asked for while the session was being opened.
    if (opening.signal.aborted) interrupt();
    log.debug(
      { jobid: task.jobid, role: task.username, attempt: task.attempt, backend: opened.facts.pid },
      'a task starts',
    );
    const end = await deps.runTask(opened, task, {
      noteSession: (noted) => noteSession(opened, noted),
      db,
      parser,
      log,
    });
    ended.abort();
    await breaking;
    const recorded = await conclude(opened, end);
    onEnd(attempt, recorded, end.kind === 'ended' ? end.errorMessage : undefined);
  }

  async function noteFault(error: unknown): Promise<void> {
    ended.abort();
    session?.destroy();
    if (couldNotNote) {
      // Nothing has run.
      recordTrouble.note(error, { jobid: task.jobid });
      onEnd(attempt, await release({ reason: messageOf(error), delayMs: UNAVAILABLE_MS, isCharged: false }));
      return;
    }
    log.error({ err: error, jobid: task.jobid }, 'could not run a task');
    const recorded = await release({ reason: 'its worker met an error of its own', isCharged: true });
    onEnd(attempt, recorded);
  }

  return attempt;
}
