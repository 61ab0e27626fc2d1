import { loadQuery } from '../db/load-sql.ts';
import type { Queryable } from '../db/query.ts';
import type { TaskSessionFacts } from '../db/task-session/task-session-facts.ts';
import type { ClaimedTask } from './claim-tasks.ts';
import { withStorableTexts } from './storable-text.ts';

const FINISH_TASK = loadQuery('finish_task');
const RELEASE_TASK = loadQuery('release_task');

export type TaskVerdict = 'succeeded' | 'failed' | 'canceled';

export interface FinishedTask {
  readonly status: TaskVerdict;
  readonly errorMessage?: string | undefined;
  readonly commandTag?: string | undefined;
  readonly rowCount?: number | undefined;
}

/** Records the verdict; what counts is returned: the outcome that the text left, and a cancel, go before it. Undefined when fenced off. */
export async function finishTask(
  db: Queryable,
  workerId: string,
  { runId, attempt }: Pick<ClaimedTask, 'runId' | 'attempt'>,
  { status, errorMessage, commandTag, rowCount }: FinishedTask,
): Promise<TaskVerdict | undefined> {
  const { rows } = await withStorableTexts([errorMessage], ([message]) => {
    const params = [workerId, runId, attempt, status, message ?? null, commandTag ?? null, rowCount ?? null];
    return db.query<{ status: TaskVerdict | null }>(FINISH_TASK, params);
  });
  return rows[0]?.status ?? undefined;
}

export interface Release {
  /** Why it waits, for people. */
  readonly reason: string;
  /** @default 0 */
  readonly delayMs?: number;
  /** Counts as one of the attempts it has. */
  readonly isCharged: boolean;
}

/**
 * Gives up an attempt without a verdict. What has become of it: `running` while its backend is still there, and then it has to be asked
 * again; undefined when fenced off.
 */
export async function releaseTask(
  db: Queryable,
  workerId: string,
  { runId, attempt }: Pick<ClaimedTask, 'runId' | 'attempt'>,
  { reason, delayMs = 0, isCharged }: Release,
): Promise<TaskVerdict | 'queued' | 'running' | undefined> {
  const { rows } = await withStorableTexts([reason], ([text]) => {
    const params = [workerId, runId, attempt, text, delayMs, isCharged];
    return db.query<{ status: TaskVerdict | 'queued' | 'running' | null }>(RELEASE_TASK, params);
  });
  return rows[0]?.status ?? undefined;
}

const NOTE_TASK_SESSION = loadQuery('note_task_session');

export interface NotedSession {
  readonly facts: Pick<TaskSessionFacts, 'pid' | 'cancelKey' | 'backendStart' | 'postmasterStart'>;
  /** sha256 of the secret of this attempt. */
  readonly secretHash: Buffer;
  readonly guarantee: 'exactly once' | 'at most once';
}

/** Keeps which session runs the attempt; false when it must not run, as it is another worker's by now, or was cancelled. */
export async function noteTaskSession(
  db: Queryable,
  workerId: string,
  { runId, attempt }: Pick<ClaimedTask, 'runId' | 'attempt'>,
  { facts, secretHash, guarantee }: NotedSession,
): Promise<boolean> {
  const { pid, cancelKey, backendStart, postmasterStart } = facts;
  const params = [
    workerId,
    runId,
    attempt,
    pid,
    cancelKey ?? null,
    backendStart,
    postmasterStart,
    secretHash,
    guarantee,
  ];
  return (await db.query<{ is_ours: boolean }>(NOTE_TASK_SESSION, params)).rows[0]?.is_ours === true;
}
