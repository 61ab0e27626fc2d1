import type { Clock } from '../../core/clock.ts';
import type { Logger } from '../../core/log.ts';
import type { TaskSession } from '../../db/task-session/task-session.ts';
import { cancelBackend, terminateBackend } from '../../tasks/signal-backend.ts';
import type { TaskSessions } from './task-sessions.ts';

/** How long a step is given before the next, firmer one. */
const STEP_MS = 300;
const SECOND_STEP_MS = 150;

export interface BreakOffDeps {
  /** What to break off, and whose it is. */
  readonly session: TaskSession;
  readonly role: string;
  readonly sessions: Pick<TaskSessions, 'withSignaller'>;
  /** Aborts when it has ended. */
  readonly ended: AbortSignal;
  readonly log: Logger;
  readonly clock: Clock;
}

/**
 * Breaks off what a session runs, each step firmer: a cancel request of the protocol, which takes a few milliseconds and no right; after
 * 300 ms, logged in as the same role, pg_cancel_backend and then pg_terminate_backend; where that login cannot be had, the connection is
 * cut, and the server ends the backend within a second. Resolves when the session has ended or nothing is left to try; never rejects.
 */
export async function breakOff(deps: BreakOffDeps): Promise<void> {
  const { session, role, sessions, ended, log, clock } = deps;
  const isOver = async (ms = STEP_MS) => {
    await clock.delay(ms, ended);
    return ended.aborted;
  };
  await session.cancel();
  if (await isOver()) return;
  try {
    await sessions.withSignaller(role, ended, async (signaller) => {
      await cancelBackend(signaller, session.facts);
      if (await isOver(SECOND_STEP_MS)) return;
      await terminateBackend(signaller, session.facts);
      await isOver();
    });
  } catch (error) {
    if (!ended.aborted)
      log.debug({ err: error, role, backend: session.facts.pid }, 'could not signal the backend of a task');
  }
  if (ended.aborted) return;
  await session.cancel();
  if (!(await isOver())) session.destroy(new Error('it did not end when it was cancelled'));
}
