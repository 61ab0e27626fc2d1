import { setTimeout as delay } from 'node:timers/promises';
import { checkHistory } from '../history/check-history.ts';
import { checkTasks } from '../history/tasks/check-tasks.ts';
import type { TaskViolation } from '../history/tasks/task-violation.ts';
import type { Violation } from '../history/violation.ts';
import { eventually } from '../support/eventually.ts';
import { firstValue, generate, skipDelays } from '../support/requests.ts';
import { startClientCaller, startSqlCaller } from './callers.ts';
import { FAULTS, healAll } from './faults.ts';
import { BYSTANDER_FAULTS, type PlannedFault, planFaults } from './plan.ts';
import { MAX_RETRIES, type Stage } from './stage.ts';
import { startClientTaskCaller, startSqlTaskCaller } from './task-callers.ts';
import { TASK_FAULTS } from './task-faults.ts';
import { cancelEndlessTasks, countTaskEnds, describeTaskLives, expectTasksAtRest } from './task-rest.ts';

export interface StormReport {
  readonly seed: number;
  readonly requests: number;
  readonly completed: number;
  readonly faults: number;
  readonly unknown: number;
  readonly restMs: number;
  readonly tasks: number;
  /** By how they ended. */
  readonly taskEnds: string;
  readonly violations: readonly (Violation | TaskViolation)[];
  /** What struck when, for a look at a violation. */
  readonly log: readonly string[];
}

const REST_MS = 60_000;
/** Workers look at the whole queue once a second, and the machine is busy; a short storm among other tests shares it with them. */
const ORDER_SLACK_MS = { long: 2_500, short: 6_000 };
const SHORT_S = 12;
const LONG_WORK = { requests: 6, ms: 30_000 };
/** Requests whose lives are shown. */
const MOST_LIVES = 8;

/**
 * - `all`: every kind of fault.
 * - `bystanders`: only those that leave other workers well, with generations in flight that last longer than the storm. No lane may stand
 *   still then.
 * - `tasks`: every kind, and tasks beside the requests, with faults of their own.
 */
export type Weather = 'all' | 'bystanders' | 'tasks';
const ALL_FAULTS = { ...FAULTS, ...TASK_FAULTS };

/** Lets a storm of that seed rage, heals everything, lets the queue come to rest, and checks its history. */
export async function rage(
  stage: Stage,
  seed: number,
  seconds: number,
  weather: Weather = 'all',
): Promise<StormReport> {
  await stage.reset();
  const log: string[] = [];
  const [first, second, third] = stage.callerRoles;
  if (first === undefined || second === undefined || third === undefined) throw new Error('expected three roles');
  const callers = [
    startSqlCaller(first, stage.callers, seed + 1),
    startSqlCaller(second, stage.callers, seed + 2),
    startClientCaller(third, stage.callers, seed + 3),
  ];
  const isAside = weather === 'bystanders';
  const hasTasks = weather === 'tasks';
  if (hasTasks) callers.push(...startTaskCallers(stage, seed));
  const plan = planFaults(seed, seconds, { hasTasks, ...(isAside ? { kinds: BYSTANDER_FAULTS } : {}) });
  const long = isAside ? await queueLongWork(stage) : [];
  try {
    await strikeAll(stage, plan, seconds, log);
  } finally {
    await healAll(stage);
    await Promise.all(callers.map((caller) => caller.stop()));
    await cancelAll(stage, long);
    await cancelEndlessTasks(stage);
  }
  const restedMs = performance.now();
  // What is still not at rest is a violation, which the check finds.
  const expectAllAtRest = () => Promise.all([expectRest(stage), expectTasksAtRest(stage)]);
  await eventually(expectAllAtRest, { timeoutMs: REST_MS, intervalMs: 100 }).catch(() => undefined);
  const restMs = Math.round(performance.now() - restedMs);
  const { callers: journal, handlers, db } = stage;
  const violations = await checkHistory(db, {
    callers: journal,
    handlers,
    maxRetries: MAX_RETRIES,
    orderSlackMs: seconds > SHORT_S ? ORDER_SLACK_MS.long : ORDER_SLACK_MS.short,
    freezes: stage.slots.flatMap(({ freezes }) => freezes),
    ...(isAside ? { progress: progressOf(stage, seconds) } : {}),
  });
  violations.push(...(await findHurtInnocents(stage)));
  log.push(...(await describeLives(stage, violations)));
  const { taskCallers, taskStarts: starts } = stage;
  const taskViolations = await checkTasks(db, { callers: taskCallers, starts });
  log.push(...(await describeTaskLives(stage, taskViolations)));
  const { rows } = await db.query<{ count: number }>(
    `select count(*)::int from history.change where after ->> 'status' = 'completed'`,
  );
  return {
    seed,
    requests: journal.enqueues.length,
    completed: rows[0]?.count ?? 0,
    faults: plan.length,
    unknown: journal.enqueues.filter(({ told }) => told === 'unknown').length,
    restMs,
    tasks: taskCallers.calls.length,
    taskEnds: await countTaskEnds(stage),
    violations: [...violations, ...taskViolations],
    log,
  };
}

/** Two for each role, one of either kind. */
function startTaskCallers({ taskRoles, taskCallers }: Stage, seed: number) {
  return taskRoles.flatMap((role, n) => [
    startSqlTaskCaller(role, taskCallers, seed + 10 + n),
    startClientTaskCaller(role, taskCallers, seed + 20 + n),
  ]);
}

/** Generations for more slots than there are beside the reserves. */
async function queueLongWork({ callers, db }: Stage): Promise<string[]> {
  const texts = Array.from({ length: LONG_WORK.requests }, () => callers.unique(`!sleep:${LONG_WORK.ms}`));
  return callers.enqueue(texts, async () => {
    const ids: string[] = [];
    for (const text of texts) ids.push(await generate(db, text, { priority: 9 }));
    return ids;
  });
}

async function cancelAll({ callers, db }: Stage, ids: readonly string[]): Promise<void> {
  for (const id of ids) {
    await callers.act('cancel', id, () => firstValue(db, 'select public.steadytext_cancel_async($1)', [id]));
  }
}

const progressOf = ({ slots, pauses }: Stage, seconds: number) => ({
  serving: slots.flatMap(({ serving }) => serving),
  pauses,
  slackMs: seconds > SHORT_S ? ORDER_SLACK_MS.long : ORDER_SLACK_MS.short,
  longestBatchMs: { generate: LONG_WORK.ms },
});

async function strikeAll(stage: Stage, plan: readonly PlannedFault[], seconds: number, log: string[]): Promise<void> {
  const over = new AbortController();
  const startedMs = performance.now();
  const elapsedMs = () => Math.round(performance.now() - startedMs);
  const struck: Promise<void>[] = [];
  const strike = async (fault: PlannedFault) => {
    const note = (what: string) => log.push(`${elapsedMs()} ms: ${fault.kind} ${what}`);
    note(`(lot ${fault.lot}, size ${fault.size}, ${fault.lastsMs} ms)`);
    await ALL_FAULTS[fault.kind](stage, fault, over.signal).catch((error: unknown) => note(`did not work: ${error}`));
  };
  for (const fault of plan) {
    await delay(Math.max(0, fault.atMs - elapsedMs()));
    struck.push(strike(fault));
  }
  await delay(Math.max(0, seconds * 1_000 - elapsedMs()));
  over.abort();
  await Promise.all(struck);
}

async function expectRest({ db }: Stage): Promise<void> {
  await skipDelays(db);
  const { rows } = await db.query(
    `select from public.steadytext_queue where status in ('pending', 'processing') limit 1`,
  );
  if (rows.length > 0) throw new Error('the queue is not at rest');
}

/** Requests that failed though their text does not ask for it, for another reason than that their worker was killed under them. */
async function findHurtInnocents({ db }: Stage): Promise<Violation[]> {
  const { rows } = await db.query<{ request_id: string; error: string }>(
    `select distinct a.request_id, c.after ->> 'error' as error
     from history.change as c join history.change as a on a.request_id = c.request_id and a.before is null
     where c.after ->> 'status' = 'failed' and a.request_text !~ '!(fail|invalid|throw|die)'
       and c.after ->> 'error' <> 'The worker died while it ran this request alone'`,
  );
  return rows.map(({ request_id, error }) => ({
    rule: 'count',
    requestId: request_id,
    what: `failed without cause: ${error}`,
  }));
}

/** What happened to the requests that violations speak of, a line for each change. */
async function describeLives({ db }: Stage, violations: readonly Violation[]): Promise<string[]> {
  const named = violations.flatMap(({ requestId, what }) => [requestId, what.match(/[0-9a-f]{8}-[0-9a-f-]{27}/)?.[0]]);
  const ids = [...new Set(named)].filter((id) => id !== undefined).slice(0, MOST_LIVES);
  const { rows } = await db.query<{ line: string }>(
    `select format('%s #%s xid %s %s %s by %s: %s -> %s, attempt %s, run_at %s, worker %s, %s priority %s', c.request_id, c.seq, c.xid,
              c.at::time, c.snapshot, c.actor, c.before ->> 'status', c.after ->> 'status', c.after ->> 'attempt', c.after ->> 'run_at',
              c.after ->> 'worker_id', c.after ->> 'function_name', c.after ->> 'priority') as line
     from history.change as c where c.request_id = any ($1) order by c.seq`,
    [ids],
  );
  return rows.map(({ line }) => line);
}
