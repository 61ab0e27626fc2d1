import { REQUEST_FUNCTIONS } from '../core/request-functions.ts';
import { loadQuery } from '../db/load-sql.ts';
import type { Queryable } from '../db/query.ts';
import { classifySqlState } from '../db/sqlstate.ts';
import { listJobs } from './lists/list-jobs.ts';
import { listProcesses } from './lists/list-processes.ts';
import { listTasks } from './lists/list-tasks.ts';
import type { Figures, LaneFigures } from './read-figures.ts';
import type { ProcessRow, RecentFigures } from './shapes.ts';
import { workerCommandFor } from './worker-command.ts';

const READ_SERVER_HEALTH = loadQuery('read_server_health');

const OLD_MS = 600_000;
const DEAD_FOR_MS = 900_000;
/** The share of failures among all that ended in an hour, and their least number. */
const MANY_FAILURES = { share: 0.05, least: 5 };
const FULL_QUEUE = 0.5;
const MOST_OF_A_KIND = 10;

export const TROUBLE_KINDS = [
  'not-served',
  'model-unavailable',
  'paused',
  'old-pending',
  'failures',
  'dead-worker',
  'tasks-not-served',
  'task-waits',
  'job-failed',
  'job-not-served',
  'job-lag',
  'notification-queue',
] as const;
export type TroubleKind = (typeof TROUBLE_KINDS)[number];

/** Something that is wrong, and what to do about it. */
export interface Trouble {
  readonly kind: TroubleKind;
  readonly severity: 'error' | 'warning';
  /** One sentence. */
  readonly text: string;
  readonly advice?: string;
  readonly command?: string;
  /** ISO 8601. */
  readonly since?: string;
  /** The page of the dashboard that shows more, relative to where it is mounted. */
  readonly link?: string;
}

/** What was read already: {@link readTroubles} judges by it. */
export interface Measured {
  readonly figures: Figures;
  /** Figures of requests; undefined for a role that may not read them. */
  readonly recent: RecentFigures | undefined;
}

/** The problems of the installation, those that stop work first. Its cost does not grow with the tables. */
export async function readTroubles(db: Queryable, { figures, recent }: Measured): Promise<readonly Trouble[]> {
  const processes = await listProcesses(db);
  const troubles = [
    ...laneTroubles(figures, processes),
    ...failureTroubles(recent),
    ...deadTroubles(figures, processes),
    ...(await taskTroubles(db, figures)),
    ...(await jobTroubles(db, figures)),
    ...(await serverTroubles(db)),
  ];
  const rank = ({ severity }: Trouble) => (severity === 'error' ? 0 : 1);
  return troubles.sort((a, b) => rank(a) - rank(b) || TROUBLE_KINDS.indexOf(a.kind) - TROUBLE_KINDS.indexOf(b.kind));
}

function laneTroubles({ lanes, at }: Figures, processes: readonly ProcessRow[]): Trouble[] {
  const isAnyRunning = processes.some(({ kind, status }) => kind === 'worker' && status === 'running');
  const sinceOf = (lane: LaneFigures) =>
    lane.oldestPendingMs === undefined ? {} : { since: new Date(at.getTime() - lane.oldestPendingMs).toISOString() };
  return lanes
    .filter(({ pending }) => pending.count > 0)
    .flatMap((lane): Trouble[] => {
      const { functionName, model, stoppedBy, oldestPendingMs = 0 } = lane;
      const name = model === 'default' ? functionName : `${functionName} with ${model}`;
      const link = `requests?status=pending&function=${functionName}&model=${encodeURIComponent(model)}`;
      const common = { link, ...sinceOf(lane) };
      const count = countText(lane.pending);
      const known = REQUEST_FUNCTIONS.find((each) => each === functionName);
      if (stoppedBy === 'not served') {
        const text = `No running worker serves ${name}, and requests wait for one: ${count}.`;
        const advice = 'Start a worker that serves it; workers log at their start why they do not.';
        const command = known === undefined ? {} : { command: workerCommandFor(known, model, isAnyRunning) };
        return [{ kind: 'not-served', severity: 'error', text, advice, ...command, ...common }];
      }
      if (stoppedBy === 'model unavailable') {
        const text = `The model of ${name} is unavailable for every worker, and requests wait for it: ${count}.`;
        const advice = 'They are tried again automatically; check the address, the key and the quota of its provider.';
        return [{ kind: 'model-unavailable', severity: 'error', text, advice, ...common }];
      }
      if (stoppedBy === 'paused') {
        const text = `The function ${functionName} is paused, and requests wait: ${count}.`;
        const command = `SELECT steadytext_resume('${functionName}')`;
        return [{ kind: 'paused', severity: 'warning', text, advice: 'The owner can resume it.', command, ...common }];
      }
      if (oldestPendingMs < OLD_MS) return [];
      const text = `Requests of ${name} wait longer than 10 min: ${count}.`;
      const advice = 'Start more workers, or raise --concurrency.';
      return [{ kind: 'old-pending', severity: 'warning', text, advice, ...common }];
    })
    .slice(0, MOST_OF_A_KIND);
}

function failureTroubles(recent: RecentFigures | undefined): Trouble[] {
  if (recent === undefined) return [];
  const { completed, failed } = recent;
  if (failed < MANY_FAILURES.least || failed / (completed + failed) < MANY_FAILURES.share) return [];
  const percent = Math.round((100 * failed) / (completed + failed));
  const text = `Of the requests that ended in the last hour ${percent} % failed: ${failed}.`;
  return [
    { kind: 'failures', severity: 'warning', text, advice: 'Their errors say why.', link: 'requests?status=failed' },
  ];
}

function deadTroubles({ at }: Figures, processes: readonly ProcessRow[]): Trouble[] {
  return processes
    .filter(({ status, leaseUntil }) => status === 'dead' && at.getTime() - Date.parse(leaseUntil) < DEAD_FOR_MS)
    .slice(0, MOST_OF_A_KIND)
    .map(({ kind, hostname, pid, lastHeartbeat }) => ({
      kind: 'dead-worker',
      severity: 'warning',
      text: `The ${kind} with process ${pid} on ${hostname} has died, or cannot reach the database.`,
      advice: 'Others take over its work; start it again unless a supervisor does.',
      since: new Date(lastHeartbeat).toISOString(),
      link: 'workers',
    }));
}

async function taskTroubles(db: Queryable, { tasks, at }: Figures): Promise<Trouble[]> {
  if (tasks.queued.count === 0) return [];
  const since =
    tasks.oldestQueuedMs === undefined ? {} : { since: new Date(at.getTime() - tasks.oldestQueuedMs).toISOString() };
  const link = 'tasks?state=queued';
  if (!tasks.isServed) {
    const text = `No running worker runs tasks, and tasks wait for one: ${countText(tasks.queued)}.`;
    const command = 'lamplighter worker';
    return [{ kind: 'tasks-not-served', severity: 'error', text, advice: 'Start a worker.', command, link, ...since }];
  }
  const page = { cursor: undefined, limit: 50, withTexts: false };
  const rows = await unlessRefused(listTasks(db, { state: 'queued' }, page).then((listed) => listed.rows));
  const reasons = new Map<string, string>();
  for (const { role, reason } of rows) {
    if (reason !== undefined && !PASSING.has(reason)) reasons.set(reason, role);
  }
  return [...reasons].slice(0, MOST_OF_A_KIND).map(([reason, role]) => ({
    kind: 'task-waits',
    severity: 'warning',
    text: `Tasks of ${role} cannot run: ${reason}.`,
    link: `${link}&role=${encodeURIComponent(role)}`,
  }));
}

/** Reasons for which a task may wait while all is well. */
const PASSING: ReadonlySet<string> = new Set(['all workers are busy', 'cancel requested', 'no worker runs tasks']);

async function jobTroubles(db: Queryable, { jobs }: Figures): Promise<Trouble[]> {
  if (jobs.length === 0) return [];
  const isWrong = jobs.some((job) => job.state === 'failed' || !job.isServed || (job.lagMs ?? 0) > OLD_MS);
  if (!isWrong) return [];
  const reasons = new Map((await unlessRefused(listJobs(db))).map(({ id, reason }) => [id, reason]));
  return jobs
    .flatMap((job): Trouble[] => {
      const link = `jobs/${job.id}`;
      const name = `The embedding job ${job.jobId}`;
      if (job.state === 'failed') {
        const text = `${name} has failed: ${reasons.get(job.id) ?? 'the owner sees why'}.`;
        return [{ kind: 'job-failed', severity: 'error', text, link }];
      }
      if (!job.isServed) {
        const text = `${name} is served by no daemon.`;
        const command = 'lamplighter start-daemon';
        return [{ kind: 'job-not-served', severity: 'error', text, advice: 'Start one.', command, link }];
      }
      if ((job.lagMs ?? 0) <= OLD_MS) return [];
      const text = `${name} is behind: the oldest change waits longer than 10 min, changes: ${countText(job.queued)}.`;
      return [{ kind: 'job-lag', severity: 'warning', text, advice: 'More daemons share its rows.', link }];
    })
    .slice(0, MOST_OF_A_KIND);
}

/** None for a role that sees figures alone: reasons name what is in tables. */
async function unlessRefused<T>(rows: Promise<readonly T[]>): Promise<readonly T[]> {
  try {
    return await rows;
  } catch (error) {
    if (classifySqlState(error) !== 'permission') throw error;
    return [];
  }
}

async function serverTroubles(db: Queryable): Promise<Trouble[]> {
  const { rows } = await db.query<{ notification_queue: number }>(READ_SERVER_HEALTH);
  const usage = rows[0]?.notification_queue ?? 0;
  if (usage < FULL_QUEUE) return [];
  const text = `The server's queue of notifications is full to ${Math.round(usage * 100)} %: no events are sent.`;
  const advice =
    'A session that listens and stays in a transaction holds it up: see pg_stat_activity, oldest xact_start first.';
  return [{ kind: 'notification-queue', severity: 'error', text, advice }];
}

function countText({ count, isExact }: { readonly count: number; readonly isExact: boolean }): string {
  return isExact ? String(count) : `more than ${count}`;
}
