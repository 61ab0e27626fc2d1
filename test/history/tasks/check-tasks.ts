import { groupBy } from '../../../src/core/group-by.ts';
import type { Queryable } from '../../../src/db/query.ts';
import { checkTaskLife } from './check-task-life.ts';
import type { QueueCall, TaskCallerJournal } from './task-callers.ts';
import { readTaskRecords, type StartJournal, type TaskRecords } from './task-journal.ts';
import { fitsVerdict, isPossibleEnd, taskText } from './task-texts.ts';
import type { TaskReport, TaskViolation } from './task-violation.ts';

export interface CheckedTasks {
  readonly callers: TaskCallerJournal;
  readonly starts: StartJournal;
  /** Longest time from the look for a cancel to the change that follows from it. @default 100, for a machine that is busy */
  readonly cancelSlackMs?: number;
}

/**
 * Every way in which the history of tasks, from `installTaskJournal` to now, breaks a promise; none when it is proven. All tasks must have
 * ended, or they are reported.
 */
export async function checkTasks(
  db: Queryable,
  { callers, starts, cancelSlackMs = 100 }: CheckedTasks,
): Promise<TaskViolation[]> {
  const records = await readTaskRecords(db);
  const violations: TaskViolation[] = [];
  const report: TaskReport = (rule, task, what) => void violations.push({ rule, task, what });
  const lives = groupBy(records.changes, ({ runId }) => runId);
  const byKey = groupBy(lives.values(), ([first]) => first?.key ?? '');
  const calls = new Map(callers.calls.map((call) => [call.key, call]));
  const asked = new Set(callers.cancels.flatMap(({ jobid, answer }) => (answer === false ? [] : [jobid])));
  const cancelledMs = findCancels(callers);
  const rolesAsked = new Set(
    callers.cancels.flatMap(({ jobid, role, answer }) => (jobid === undefined && answer !== false ? [role] : [])),
  );
  for (const life of lives.values()) {
    checkTaskLife(
      life,
      {
        isCancelAsked: (jobid, role) => asked.has(jobid) || rolesAsked.has(role),
        cancelledMs,
        cancelSlackMs,
        mayDelete: callers.hasDeleted,
      },
      report,
    );
  }
  for (const [key, [life, second]] of byKey) {
    const call = calls.get(key);
    if (call === undefined) report('queued-once', key, 'nobody queued it');
    else if (call.told === 'refused') report('queued-once', key, 'its caller was refused');
    if (second !== undefined) report('queued-once', key, 'there is a second run of it');
    const end = life?.findLast(({ after }) => after !== undefined)?.after;
    if (call !== undefined && end !== undefined) checkEnd(call, end, records, report);
  }
  for (const { key, told } of callers.calls) {
    if (told === 'accepted' && !byKey.has(key)) report('lost', key, 'accepted, and there is no run of it');
  }
  checkStarts(calls, byKey, starts, report);
  checkSeen(callers, lives, report);
  checkProjection(records, byKey, report);
  return violations;
}

/** When a caller was first told that its cancel of a task, or of all of the role, came in time. */
function findCancels({ calls, cancels }: TaskCallerJournal): (jobid: string, role: string) => number | undefined {
  const answered = cancels.filter(({ answer }) => answer === true);
  const acceptedMs = new Map(calls.map(({ jobid, toMs }) => [jobid, toMs]));
  return (jobid, role) => {
    // A cancel of all concerns what its role had queued before it.
    const queuedMs = acceptedMs.get(jobid) ?? Number.POSITIVE_INFINITY;
    const own = answered.filter(
      (cancel) =>
        cancel.jobid === jobid || (cancel.jobid === undefined && cancel.role === role && queuedMs <= cancel.fromMs),
    );
    return own.length === 0 ? undefined : Math.min(...own.map(({ toMs }) => toMs));
  };
}

type Lives = ReadonlyMap<string, TaskRecords['changes'][]>;

function checkEnd(
  { key, kind }: QueueCall,
  end: { state: string; errorMessage: string | null; charge: number },
  { effects }: TaskRecords,
  report: TaskReport,
): void {
  const steps = effects.get(key) ?? [];
  if (end.state === 'queued' || end.state === 'running') {
    report('lost', key, `still ${end.state}`);
    return;
  }
  if (!fitsVerdict(kind, end.state, steps)) report('effect', key, `${end.state}, with steps ${steps.join() || 'none'}`);
  if (!isPossibleEnd(kind, end)) report('verdict', key, `${end.state}, charge ${end.charge}: ${end.errorMessage}`);
}

function checkStarts(
  calls: ReadonlyMap<string, QueueCall>,
  byKey: Lives,
  starts: StartJournal,
  report: TaskReport,
): void {
  const journal = starts.read();
  for (const { key, isOverlapping } of journal) if (isOverlapping) report('start', key, 'started while it was at work');
  for (const [key, own] of groupBy(journal, ({ key: name }) => name)) {
    const call = calls.get(key);
    const [life = []] = byKey.get(key) ?? [];
    const attempts = life.filter(
      ({ before, after }) => before?.state === 'queued' && after?.state === 'running',
    ).length;
    const { isBare = false, startsPerAttempt = 1 } = call === undefined ? {} : taskText(call.kind);
    // What is found to be bare begins in a transaction, each time, and once outside of one.
    const most = isBare ? (startsPerAttempt - 1) * attempts + 1 : attempts;
    if (own.length > most) report('start', key, `started ${own.length} times in ${attempts} attempts`);
  }
}

function checkSeen(callers: TaskCallerJournal, lives: ReadonlyMap<string, TaskRecords['changes']>, report: TaskReport) {
  const ends = new Map(
    [...lives.values()].map((life) => {
      const last = life.findLast(({ after }) => after !== undefined);
      return [last?.after?.jobid ?? '', last] as const;
    }),
  );
  for (const { jobid, status } of callers.seen) {
    const end = ends.get(jobid);
    if (end?.after?.state !== status) report('told', end?.key, `a caller saw it ${status}; it is ${end?.after?.state}`);
  }
  for (const { key, jobid } of callers.calls) {
    const end = jobid === undefined ? undefined : ends.get(jobid);
    if (end !== undefined && end.key !== key) report('told', key, `its caller was given the id of ${end.key}`);
  }
}

function checkProjection({ tasks, leftovers }: TaskRecords, byKey: Lives, report: TaskReport): void {
  for (const what of leftovers) report('projection', undefined, `${what} was left over`);
  const shown = new Map(tasks.map((task) => [task.key, task]));
  for (const [key, [life = []]] of byKey) {
    const last = life.at(-1);
    const task = shown.get(key);
    if (last?.after === undefined) {
      if (task !== undefined) report('projection', key, 'its run is gone and its row is there');
      continue;
    }
    const { state, errorMessage } = last.after;
    if (task === undefined) report('projection', key, `its run is ${state} and its row is gone`);
    else if (task.status !== state || task.errorMessage !== errorMessage || !task.hasDuration) {
      report('projection', key, `the run is ${state}, the row ${task.status}: ${task.errorMessage}`);
    }
  }
  for (const key of shown.keys()) if (!byKey.has(key)) report('projection', key, 'a row without a run');
}
