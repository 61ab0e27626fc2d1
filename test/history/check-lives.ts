import type { CallerAct } from './callers.ts';
import { type Change, isFarAway, type RequestState } from './journal.ts';
import type { Report } from './violation.ts';

/** How the recorded death of a worker charges the one request that it ran. */
const DIED_ALONE = 'The worker died while it ran this request alone';
const ABANDONED = 'The transaction that waited for this request has ended';
const ENDED: readonly (string | undefined)[] = ['completed', 'failed', 'cancelled'];

export interface LifeOptions {
  readonly maxRetries: number;
  /** Whether a caller asked for it; a call with an unknown outcome counts. */
  readonly isAsked: (act: CallerAct, requestId: string) => boolean;
  readonly mayPrune: boolean;
  /** Whether that result is the result of the request's autonomous row. */
  readonly isAdopted: (requestId: string, result: string | null) => boolean;
}

/** Checks the life of one request, change after change, and that it ended as the table has it now. */
export function checkLife(
  changes: readonly Change[],
  current: RequestState | undefined,
  options: LifeOptions,
  report: Report,
): void {
  const [first] = changes;
  if (first === undefined) return;
  const say = (rule: Parameters<Report>[0], what: string) => report(rule, first.requestId, what);
  let claim: Change | undefined;
  let previous: RequestState | undefined;
  for (const change of changes) {
    const { before, after } = change;
    const missed = differenceOf(previous, before);
    if (missed !== undefined)
      say('continuity', `change ${change.seq} begins with another ${missed} than the one before it ended with`);
    previous = after;
    if (before === undefined && after !== undefined) checkBirth(after, say);
    else if (before !== undefined && after === undefined) checkDelete(change, before, options, say);
    else if (before !== undefined && after !== undefined) {
      checkStep(change, before, after, { claim, options, say });
      if (after.status === 'processing' && before.status === 'pending') claim = change;
    }
    if (after !== undefined) checkShape(change.seq, after, options.maxRetries, say);
  }
  const drifted = differenceOf(previous, current);
  if (drifted !== undefined) say('continuity', `the table has another ${drifted} than the journal ends with`);
}

type Say = (rule: Parameters<Report>[0], what: string) => void;

function checkBirth(after: RequestState, say: Say): void {
  if (after.status !== 'pending' || after.attempt !== 0 || after.retryCount !== 0 || after.workerId !== null) {
    say('transition', `queued as ${after.status}, attempt ${after.attempt}, retry_count ${after.retryCount}`);
  }
}

function checkDelete({ requestId }: Change, before: RequestState, options: LifeOptions, say: Say): void {
  if (options.isAsked('delete', requestId)) return;
  if (options.mayPrune && ENDED.includes(before.status)) return;
  say('unasked', `deleted while ${before.status}`);
}

interface StepContext {
  readonly claim: Change | undefined;
  readonly options: LifeOptions;
  readonly say: Say;
}

/** What each change of status must look like. */
function checkStep(change: Change, before: RequestState, after: RequestState, context: StepContext): void {
  const { say, options } = context;
  const step = `${before.status} -> ${after.status}`;
  if (options.isAsked('edit', change.requestId) && isEdit(before, after)) return;
  const claimed = step === 'pending -> processing' ? 1 : 0;
  if (after.attempt !== before.attempt + claimed)
    say('count', `${step} took attempt from ${before.attempt} to ${after.attempt}`);
  switch (step) {
    case 'pending -> processing':
      if (after.workerId === null) say('lease', 'claimed by nobody');
      if (before.runAt !== null && !isFarAway(before.runAt))
        say('transition', `claimed though not ready before ${before.runAt}`);
      requireSameCount(step, before, after, say);
      break;
    case 'pending -> pending':
      // After its pause it is ready, or back in quarantine, where no claim but that of the quarantine takes it.
      if (before.runAt === null || (after.runAt !== null && (!isFarAway(after.runAt) || isFarAway(before.runAt))))
        say('transition', `pending and changed, run_at ${before.runAt} to ${after.runAt}`);
      requireSameCount(step, before, after, say);
      break;
    case 'processing -> pending':
      checkHandBack(change, before, after, context);
      break;
    case 'processing -> completed':
      requireHolder(change, before, after, context);
      requireSameCount(step, before, after, say);
      break;
    case 'processing -> failed':
      if (after.workerId !== null || after.error !== DIED_ALONE) requireHolder(change, before, after, context);
      requireSameCount(step, before, after, say);
      break;
    case 'pending -> completed':
      if (!options.isAdopted(change.requestId, after.result)) say('lease', `${step} without a claim`);
      break;
    case 'pending -> cancelled':
    case 'processing -> cancelled':
      if (after.error !== ABANDONED && !options.isAsked('cancel', change.requestId)) say('unasked', step);
      if (after.workerId !== null) say('lease', 'cancelled and still held');
      requireSameCount(step, before, after, say);
      break;
    case 'failed -> pending':
      if (!options.isAsked('retry', change.requestId)) say('unasked', step);
      if (after.retryCount !== 0) say('count', `retried with retry_count ${after.retryCount}`);
      break;
    default:
      say(
        ENDED.includes(before.status) && ENDED.includes(after.status) ? 'ended-once' : 'transition',
        `${step} by ${change.actor}`,
      );
  }
}

/** Nothing but `retry_count` differs. */
function isEdit(before: RequestState, after: RequestState): boolean {
  return (
    differenceOf({ ...before, retryCount: after.retryCount }, after) === undefined &&
    before.retryCount !== after.retryCount
  );
}

function requireSameCount(step: string, before: RequestState, after: RequestState, say: Say): void {
  if (after.retryCount !== before.retryCount)
    say('count', `${step} took retry_count from ${before.retryCount} to ${after.retryCount}`);
}

/** An end, or a charged try, is recorded by the session of the worker that claimed, under the claim's id and attempt. */
function requireHolder(change: Change, before: RequestState, after: RequestState, { claim, say }: StepContext): void {
  const holder = claim?.after;
  if (claim === undefined || holder === undefined) {
    say('lease', `${after.status} without a claim`);
    return;
  }
  const kept = after.status === 'pending' ? before : after;
  if (kept.workerId !== holder.workerId || kept.attempt !== holder.attempt) {
    say(
      'lease',
      `${after.status} by worker ${kept.workerId}, attempt ${kept.attempt}; claimed by ${holder.workerId}, attempt ${holder.attempt}`,
    );
  }
  if (change.actor !== claim.actor)
    say('lease', `${after.status} in a session of ${change.actor}; claimed in one of ${claim.actor}`);
}

/**
 * Back to pending: a charged failure, a delay or a release by the holder; or, once that is over, a rescue by anybody, charged only in
 * quarantine.
 */
function checkHandBack(change: Change, before: RequestState, after: RequestState, context: StepContext): void {
  const { say } = context;
  if (after.workerId !== null) say('lease', 'pending and still held');
  const charged = after.retryCount - before.retryCount;
  if (charged !== 0 && charged !== 1)
    say('count', `handed back with retry_count from ${before.retryCount} to ${after.retryCount}`);
  const isRescued = change.isHolderOver;
  const isQuarantined = after.runAt !== null && isFarAway(after.runAt);
  if (!isRescued) requireHolder(change, before, after, context);
  if (charged !== 1 || (!isRescued && !isQuarantined)) return;
  if (after.error !== DIED_ALONE) say('count', 'rescued and charged without a reason');
  if (!isQuarantined) say('count', 'charged for the death of its worker outside of quarantine');
}

function checkShape(seq: number, state: RequestState, maxRetries: number, say: Say): void {
  const { status, result, error, startedAt, completedAt, failedAt, workerId, retryCount } = state;
  const wrong = (what: string) => say('shape', `change ${seq}: ${status} ${what}`);
  if ((result !== null) !== (status === 'completed')) wrong(result === null ? 'without a result' : 'with a result');
  if ((completedAt !== null) !== ENDED.includes(status)) wrong(`with completed_at ${completedAt}`);
  if ((failedAt !== null) !== (status === 'failed')) wrong(`with failed_at ${failedAt}`);
  if (status === 'failed' && error === null) wrong('without an error');
  if (status === 'processing' && (workerId === null || startedAt === null)) wrong('without a worker or started_at');
  if (retryCount > maxRetries) say('count', `retry_count ${retryCount} is over the budget of ${maxRetries}`);
}

const TRACKED = [
  'status',
  'workerId',
  'attempt',
  'retryCount',
  'runAt',
  'result',
  'error',
  'priority',
  'createdUs',
  'completedAt',
] as const;

/** The first tracked column that differs; undefined when none does. */
function differenceOf(a: RequestState | undefined, b: RequestState | undefined): string | undefined {
  if (a === undefined || b === undefined) return a === b ? undefined : 'existence';
  return TRACKED.find((column) => a[column] !== b[column]);
}
