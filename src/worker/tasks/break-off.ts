import type { Clock } from '../../core/clock.ts';
import type { Logger } from '../../core/log.ts';
import type { TaskSession } from '../../db/task-session.ts';
import type { TaskSessions } from './task-sessions.ts';

/** How long a step is given before the next, firmer one. */
const STEP_MS = 300;
const SECOND_STEP_MS = 150;
/** The pid of a backend that has ended may be another one's by now. */
const BACKEND = `
  from pg_catalog.pg_stat_get_activity($1::pg_catalog.int4) as a
  where a.pid operator(pg_catalog.=) $1::pg_catalog.int4
    and a.backend_start operator(pg_catalog.=) $2::pg_catalog.timestamptz`;
const CANCEL = `select pg_catalog.pg_cancel_backend(a.pid)${BACKEND}`;
const TERMINATE = `select pg_catalog.pg_terminate_backend(a.pid)${BACKEND}`;

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
  const { pid, backendStart } = session.facts;
  const isOver = async (ms = STEP_MS) => {
    await clock.delay(ms, ended);
    return ended.aborted;
  };
  await session.cancel();
  if (await isOver()) return;
  try {
    await sessions.withSignaller(role, ended, async (signaller) => {
      await signaller.query(CANCEL, [String(pid), backendStart]);
      if (await isOver(SECOND_STEP_MS)) return;
      await signaller.query(TERMINATE, [String(pid), backendStart]);
      await isOver();
    });
  } catch (error) {
    if (!ended.aborted) log.debug({ err: error, role, backend: pid }, 'could not signal the backend of a task');
  }
  if (ended.aborted) return;
  await session.cancel();
  if (!(await isOver())) session.destroy(new Error('it did not end when it was cancelled'));
}
