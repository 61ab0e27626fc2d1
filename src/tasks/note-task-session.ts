import { loadQuery } from '../db/load-sql.ts';
import type { Queryable } from '../db/query.ts';
import type { TaskSessionFacts } from '../db/task-session-facts.ts';
import type { ClaimedTask } from './claimed-task.ts';

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
