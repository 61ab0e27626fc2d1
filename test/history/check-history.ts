import { groupBy } from '../../src/core/group-by.ts';
import type { Queryable } from '../../src/db/query.ts';
import type { CallerJournal } from './callers.ts';
import { checkAnswers } from './check-answers.ts';
import { checkCallers } from './check-callers.ts';
import { checkLife } from './check-lives.ts';
import { checkOrder, type Freeze } from './check-order.ts';
import { checkProgress, type ProgressOptions } from './check-progress.ts';
import type { HandlerJournal } from './handlers.ts';
import { type RequestState, readJournal, readRequests } from './journal.ts';
import type { Violation } from './violation.ts';

export interface HistoryOptions {
  readonly callers: CallerJournal;
  /** What the models answered; without it results are compared with nothing. */
  readonly handlers?: HandlerJournal | undefined;
  /** Of the workers. @default 3 */
  readonly maxRetries?: number;
  /** How long a ready request may be passed over by others of its lane and role that come after it. @default 2000 */
  readonly orderSlackMs?: number;
  /** When workers were stopped. */
  readonly freezes?: readonly Freeze[];
  /** When workers were well; without it nothing is said about progress. */
  readonly progress?: Partial<Omit<ProgressOptions, 'locked'>>;
}

/**
 * Every way in which the history of a queue, from `installJournal` to now, breaks a promise; none when it is proven. The queue must be at
 * rest: faults healed, callers gone, and workers idle or stopped. `db` is logged in as the owner of the queue.
 */
export async function checkHistory(db: Queryable, options: HistoryOptions): Promise<Violation[]> {
  const { callers, handlers, maxRetries = 3, orderSlackMs = 2_000, freezes = [], progress } = options;
  const changes = await readJournal(db);
  const current = await readRequests(db);
  const lives = groupBy(changes, ({ requestId }) => requestId);
  const violations: Violation[] = [];
  const report = (rule: Violation['rule'], requestId: string | undefined, what: string) =>
    void violations.push({ rule, requestId, what });

  const asked = new Set(
    callers.acts.filter(({ answer }) => answer !== false).map(({ act, requestId }) => `${act} ${requestId}`),
  );
  const adopted = new Set(
    changes
      .filter(({ after }) => after?.status === 'completed' && after.batchId !== null)
      .map(({ after }) => `${after?.batchId} ${after?.result}`),
  );
  for (const [requestId, life] of lives) {
    checkLife(
      life,
      current.get(requestId),
      {
        maxRetries,
        isAsked: (act, id) => asked.has(`${act} ${id}`),
        mayPrune: callers.hasPruned,
        isAdopted: (id, result) => adopted.has(`${id} ${result}`),
      },
      report,
    );
  }
  for (const [requestId, { status }] of current) {
    if (!lives.has(requestId)) report('continuity', requestId, 'in the table, but not in the journal');
    if (status === 'pending' || status === 'processing') report('accepted-ended', requestId, `still ${status}`);
  }
  checkCallers(callers, lives, report);
  if (handlers !== undefined) checkAnswers(handlers.read(), lives, report);
  checkOrder(changes, { slackUs: orderSlackMs * 1_000, locked: callers.locked, freezes }, report);
  const { serving = [], pauses = [], slackMs = 2_000, longestBatchMs = {} } = progress ?? {};
  checkProgress(changes, { serving, pauses, slackMs, longestBatchMs, locked: callers.locked }, report);
  await checkStats(db, current, report);
  return violations;
}

const STATUSES = ['pending', 'processing', 'completed', 'failed', 'cancelled'] as const;

async function checkStats(
  db: Queryable,
  current: ReadonlyMap<string, RequestState>,
  report: (rule: Violation['rule'], requestId: string | undefined, what: string) => void,
): Promise<void> {
  const { rows } = await db.query<{ function_name: string } & Record<(typeof STATUSES)[number], string>>(
    'select * from public.steadytext_queue_stats()',
  );
  const counted = new Map(rows.map((row) => [row.function_name, row]));
  const byFunction = groupBy(current.values(), ({ functionName }) => functionName);
  for (const functionName of new Set([...counted.keys(), ...byFunction.keys()])) {
    for (const status of STATUSES) {
      const expected = (byFunction.get(functionName) ?? []).filter((state) => state.status === status).length;
      const got = Number(counted.get(functionName)?.[status] ?? 0);
      if (got !== expected) report('stats', undefined, `${functionName}: ${got} ${status}, but there are ${expected}`);
    }
  }
}
