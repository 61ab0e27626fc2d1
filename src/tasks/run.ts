import { systemClock } from '../core/clock.ts';
import { hasCode, messageOf } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import type { Queryable } from '../db/query.ts';
import { classifySqlState, isSqlState, sqlStateOf } from '../db/sqlstate.ts';
import { ServerError } from '../db/task-session/server-error.ts';
import type { TaskSession } from '../db/task-session/task-session.ts';
import type { OwnStatement } from '../db/task-session/text-exchange.ts';
import type { ClaimedTask } from './claim-tasks.ts';
import { renderErrorText } from './error-text.ts';
import type { TextParser } from './text-parser.ts';

/** What a task's text got: its effects and its outcome commit together, or it ran outside a transaction of ours and is never run twice. */
type Guarantee = 'exactly once' | 'at most once';

/** How an attempt at a task ended, as its session saw it. */
export type TaskEnd =
  /**
   * The run has a verdict. `errorMessage` says why it failed, as libpq prints it; tag and number of rows are those of the last statement.
   */
  | {
      readonly kind: 'ended';
      readonly status: 'succeeded' | 'failed';
      readonly errorMessage?: string;
      readonly commandTag?: string;
      readonly rowCount?: number;
      readonly guarantee: Guarantee;
    }
  /** The connection ended without one. Its backend may still be at work: once that is gone, the outcome's row tells, if there is one. */
  | { readonly kind: 'lost'; readonly reason: string; readonly guarantee: Guarantee }
  /** Another attempt has the task, or it was cancelled: nothing ran. */
  | { readonly kind: 'fenced'; readonly guarantee: Guarantee }
  /** The server takes no writes, so that nothing ran: it may do later, and nobody is to be charged. */
  | { readonly kind: 'unavailable'; readonly reason: string; readonly guarantee: Guarantee };

/** How long after a FATAL the server is asked whether it is still the same one: a shutdown ends one session a moment before others. */
const SHUTDOWN_MS = 300;
/** SQLSTATE of `record_task_outcome`: another attempt has the task. */
const FENCED = 'LL002';
/** The SQLSTATE of BEGIN READ WRITE on a standby. */
const STANDBY = '0A000';

/** What running a task needs of its worker. */
export interface RunHooks {
  /** Keeps which session runs the attempt, with the hash of its secret, before anything of the task runs. False: it must not run. */
  noteSession(note: { readonly secretHash: Buffer; readonly guarantee: Guarantee }): Promise<boolean>;
  /** The worker's own: a session that was lost cannot be asked. */
  readonly db: Queryable;
  readonly parser: TextParser;
  readonly log: Logger;
}

/** One attempt under way. */
export interface Run {
  readonly session: TaskSession;
  readonly task: ClaimedTask;
  readonly hooks: RunHooks;
  /** Shows that it is this session which may record the outcome; known to nobody else, and for this attempt only. */
  readonly secret: Buffer;
  guarantee: Guarantee;
}

/** Gives a session the task's own name, its search_path and, where its login has one, the role that it starts as. */
export function dressStatements({ session, task }: Run): readonly OwnStatement[] {
  const { ownRole } = session.facts;
  return [
    {
      text: `select pg_catalog.set_config('application_name', $1, false), pg_catalog.set_config('search_path', $2, false)`,
      params: [`lamplighter task ${task.jobid}`, task.searchPath],
    },
    ...(ownRole === 'none' ? [] : [{ text: `select pg_catalog.set_config('role', $1, false)`, params: [ownRole] }]),
  ];
}

export function succeeded(
  { guarantee }: Run,
  { commandTag, rowCount }: { commandTag?: string; rowCount?: number },
): TaskEnd {
  return {
    kind: 'ended',
    status: 'succeeded',
    ...(commandTag === undefined ? {} : { commandTag }),
    ...(rowCount === undefined ? {} : { rowCount }),
    guarantee,
  };
}

export function failed({ guarantee }: Run, errorMessage: string): TaskEnd {
  return { kind: 'ended', status: 'failed', errorMessage, guarantee };
}

/**
 * Ends the run of a text under which the session ended. What the server said before that is the verdict, such as when an administrator
 * terminates the task, unless the server itself went down.
 */
export async function settleLoss(run: Run, fatal: ServerError | undefined): Promise<TaskEnd> {
  const { hooks, session, guarantee } = run;
  if (fatal === undefined) return { kind: 'lost', reason: 'the connection was lost', guarantee };
  await systemClock.delay(SHUTDOWN_MS);
  try {
    // Compared by the server: sessions write times in the time zones of their roles.
    const { rows } = await hooks.db.query<{ is_same: string }>(
      `select (pg_catalog.pg_postmaster_start_time() operator(pg_catalog.=) $1::pg_catalog.timestamptz)::pg_catalog.text as is_same`,
      [session.facts.postmasterStart],
    );
    if (rows[0]?.is_same === 'true') {
      return failed(run, renderErrorText(fatal.fields, run.task.text));
    }
  } catch (error) {
    hooks.log.debug({ err: error }, 'the server does not say whether it was started again');
  }
  return { kind: 'lost', reason: fatal.message, guarantee };
}

/**
 * Ends a run after an error of a statement of ours around the text, which has then not run, or was rolled back. Throws what is no such
 * error.
 */
export async function settleOwnError(run: Run, error: unknown): Promise<TaskEnd> {
  const { guarantee } = run;
  if (hasCode(error, 'CONNECTION_LOST')) {
    return settleLoss(run, error.cause instanceof ServerError ? error.cause : undefined);
  }
  const state = sqlStateOf(error);
  if (state === undefined || !(error instanceof ServerError)) throw error;
  // Only the row of the outcome has a key.
  if (isSqlState(error, 'uniqueViolation')) return succeeded(run, {});
  if (state === FENCED) return { kind: 'fenced', guarantee };
  const isEnvironment = ['environment', 'backpressure'].includes(classifySqlState(error)) || state === STANDBY;
  if (isEnvironment || isSqlState(error, 'queryCanceled') || isSqlState(error, 'serializationFailure')) {
    return { kind: 'unavailable', reason: messageOf(error), guarantee };
  }
  return failed(run, renderErrorText(error.fields, ''));
}
