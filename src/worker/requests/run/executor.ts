import { backoffMs } from '../../../core/backoff.ts';
import type { Clock } from '../../../core/clock.ts';
import { formatDuration } from '../../../core/duration.ts';
import { messageOf } from '../../../core/errors.ts';
import type { Logger } from '../../../core/log.ts';
import type { Trouble, Troubles } from '../../../core/recurring-trouble.ts';
import type { Model } from '../../../models/port.ts';
import type { Outcome } from '../../../requests/finish-requests.ts';
import type { Completion, InFlightRequest } from '../in-flight.ts';
import type { Answerer, BatchListener } from './answerer.ts';
import { startProcessSpans } from './process-spans.ts';

export interface ExecutorDeps {
  readonly answerer: Answerer;
  readonly timeoutMs: number;
  /** Takes over completions as soon as they are known; resolves when there is room for more. */
  readonly record: (completions: readonly Completion[]) => Promise<void>;
  readonly log: Logger;
  readonly troubles: Troubles;
  readonly clock: Clock;
}

/** Runs one batch of requests of one lane; resolves when the completion of each of them was passed on. Never rejects. */
export type Executor = (model: Model, batch: readonly InFlightRequest[]) => Promise<void>;

const NOTHING_TO_RUN = { late: undefined, failure: undefined };

/**
 * How long a batch may wait for its turn at the model, or for an engine that starts again, where the time limit is shorter. It must be longer than
 * a start takes: requests that were stuck together are told apart only once it is over.
 */
const LONGEST_IDLE_MS = 60_000;

/** A batch gets this many time limits in all, beside such waits, as long as it goes on; then what is left of it is handed back. */
const LIMITS_PER_BATCH = 2;

/**
 * Bounds every batch in time. The model is asked to stop when the time is up or nobody wants its answers any more, and is not waited
 * for then: a model that ignores the signal costs its own batch, not the worker.
 *
 * The time is up when for the length of the limit nothing has ended and the model has been at the same requests. If that was one from the
 * first, it is charged: it had the whole time for itself. If these were several, nothing is known of any one of them, even of one that is left
 * as nobody wants the others any more: they are run again alone, one after the other, until one of them takes the whole time again, and no
 * longer than one limit otherwise. All others are handed back, free of charge, so that a slot is taken for two limits, give or take what others
 * needed in between.
 */
export function createExecutor(executorDeps: ExecutorDeps): Executor {
  const { timeoutMs, log, clock, troubles } = executorDeps;
  const deps = { ...executorDeps, trouble: troubles.define('run requests') };
  return async (model, batch) => {
    const first = await runBatch(deps, model, batch);
    if (first.stuck.length === 0) return;
    log.warn({ requests: first.stuck.length }, 'a batch ran out of time; running its requests one by one');
    const deadlineMs = clock.nowMs() + timeoutMs;
    let isOver = false;
    const left = new Set(first.stuck);
    const handedBack: Promise<unknown>[] = [];
    /** Hands back requests that are aborted before their turn comes. */
    const dropUnwanted = () => {
      for (const entry of left) {
        if (entry.abortReason === undefined || !left.delete(entry)) continue;
        handedBack.push(runBatch(deps, model, [entry], true));
      }
    };
    for (const entry of left) entry.onAbort = dropUnwanted;
    dropUnwanted();
    for (const entry of first.stuck) {
      if (!left.delete(entry)) continue;
      const { isLate } = await runBatch(deps, model, [entry], isOver);
      isOver ||= isLate || clock.nowMs() >= deadlineMs;
    }
    await Promise.all(handedBack);
  };
}

interface RunDeps extends ExecutorDeps {
  readonly trouble: Trouble;
}

interface Ran {
  /** True when the time was up before all had ended. */
  readonly isLate: boolean;
  /** Requests that the model was at all the time, where these were several; they have no completion yet. */
  readonly stuck: readonly InFlightRequest[];
}

/** Runs a batch once; `isOver` hands all of it back at once. */
async function runBatch(deps: RunDeps, model: Model, batch: readonly InFlightRequest[], isOver = false): Promise<Ran> {
  const { timeoutMs, record } = deps;
  const waiting = new Set(batch);
  const justLeft = new Set<InFlightRequest>();
  const work = new AbortController();
  const completions = collectCompletions(record);
  const complete = (entry: InFlightRequest, outcome: Outcome) => {
    if (!waiting.delete(entry)) return;
    justLeft.add(entry);
    entry.request.parameters = undefined;
    completions.add({ entry, outcome });
  };
  const dropUnwanted = () => {
    for (const entry of waiting) if (isOver || entry.abortReason !== undefined) complete(entry, { kind: 'release' });
    if (waiting.size === 0) work.abort();
  };
  for (const entry of batch) entry.onAbort = dropUnwanted;
  startProcessSpans(batch);
  dropUnwanted();
  const { late, failure } =
    waiting.size > 0 ? await answerInTime(deps, model, work, { waiting, justLeft }, complete) : NOTHING_TO_RUN;
  for (const entry of batch) entry.onAbort = undefined;

  const stuck = late?.why === 'stuck' ? late.atWork.filter((entry) => waiting.has(entry)) : [];
  const [only] = stuck;
  const isDivided = late !== undefined && late.atWork.length > 1;
  if (only !== undefined && !isDivided) {
    const error = `Timed out after ${formatDuration(timeoutMs)}`;
    complete(only, { kind: 'retry', error, delayMs: backoffMs(only.request.retryCount + 1) });
  }
  for (const entry of waiting) {
    if (late === undefined) complete(entry, notRun(entry, couldNotRun(failure)));
    else if (isDivided && stuck.includes(entry)) continue;
    else if (late.why === 'idle')
      complete(entry, notRun(entry, `Not begun within ${formatDuration(Math.max(timeoutMs, LONGEST_IDLE_MS))}`));
    else complete(entry, { kind: 'release' });
  }
  await completions.passedOn();
  return { isLate: late !== undefined, stuck: isDivided ? stuck : [] };
}

/** How the time of a batch came to be up. */
interface Late {
  /**
   * `stuck`: the model was at the same requests for a whole limit. `idle`: it was at none of them, as it was busy with others, or starting.
   * `long`: it went on all the time, so that none of several was too slow by itself.
   */
  readonly why: 'stuck' | 'idle' | 'long';
  /** What the model was at when the limit began to run, less what had ended. */
  readonly atWork: readonly InFlightRequest[];
}

/** The state of a batch, which `runBatch` changes. */
interface BatchState {
  /** Requests that have no completion yet. */
  readonly waiting: ReadonlySet<InFlightRequest>;
  /** Requests that got one since the model last said something; emptied when it does. */
  readonly justLeft: Set<InFlightRequest>;
}

/** Asks for the answers. `late` is undefined when they came, or all requests were aborted; `failure` is why they could not be asked for. */
async function answerInTime(
  { answerer, timeoutMs, log, clock, trouble }: RunDeps,
  model: Model,
  work: AbortController,
  { waiting, justLeft }: BatchState,
  complete: (entry: InFlightRequest, outcome: Outcome) => void,
): Promise<{ readonly late: Late | undefined; readonly failure: unknown }> {
  const { signal } = work;
  const over = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  const beganMs = clock.nowMs();
  /** Since when nothing has changed, and for how long the model was at no request before that. */
  let sinceMs = beganMs;
  let idleMs = 0;
  let atWork: readonly InFlightRequest[] = [];
  let late: Late | undefined;
  let failure: unknown;
  let isOver = false;
  let pause = new AbortController();
  const size = waiting.size;
  const goOn = () => {
    const nowMs = clock.nowMs();
    if (atWork.length === 0) idleMs += nowMs - sinceMs;
    sinceMs = nowMs;
    justLeft.clear();
  };
  const lastMs = () => beganMs + idleMs + LIMITS_PER_BATCH * timeoutMs;
  const dueMs = () =>
    atWork.length === 0 ? sinceMs + Math.max(timeoutMs, LONGEST_IDLE_MS) : Math.min(sinceMs + timeoutMs, lastMs());
  async function expire(): Promise<void> {
    for (let leftMs = dueMs() - clock.nowMs(); leftMs > 0 && !isOver; leftMs = dueMs() - clock.nowMs()) {
      pause = new AbortController();
      await clock.delay(leftMs, pause.signal);
    }
    if (isOver) return;
    const isAtWork = atWork.some((entry) => waiting.has(entry));
    late = {
      why: !isAtWork ? 'idle' : size > 1 && sinceMs + timeoutMs > lastMs() ? 'long' : 'stuck',
      // Computed once, and not at each completion: that would be quadratic in the size of the batch.
      atWork: atWork.filter((entry) => waiting.has(entry) || justLeft.has(entry)),
    };
    work.abort();
  }
  const expiry = expire();
  const listener: BatchListener = {
    limitMs: timeoutMs,
    working(entries) {
      if (isSame(entries, atWork)) return;
      const wasIdle = atWork.length === 0;
      goOn();
      atWork = entries;
      // The pause under way is the longer one, for a turn at the model or a start.
      if (wasIdle) pause.abort();
    },
    ended(entry, outcome) {
      if (signal.aborted) return;
      complete(entry, outcome);
      goOn();
    },
  };
  const answered = answerer.answer(model, [...waiting], signal, listener).then(trouble.settle, (error: unknown) => {
    failure = error;
    if (signal.aborted) log.debug({ err: error }, 'a model failed after it was told to stop');
    else trouble.note(error, { requests: size });
  });
  await Promise.race([answered, over]);
  isOver = true;
  pause.abort();
  await expiry;
  return { late, failure };
}

function isSame(one: readonly InFlightRequest[], other: readonly InFlightRequest[]): boolean {
  return one.length === other.length && one.every((entry, at) => entry === other[at]);
}

/** Passes on together the completions of one turn of the event loop. */
function collectCompletions(record: ExecutorDeps['record']) {
  const recording: Promise<void>[] = [];
  let fresh: Completion[] = [];
  const passOn = () => {
    if (fresh.length > 0) recording.push(record(fresh));
    fresh = [];
  };
  return {
    add(completion: Completion) {
      fresh.push(completion);
      if (fresh.length === 1) queueMicrotask(passOn);
    },
    async passedOn() {
      passOn();
      await Promise.all(recording);
    },
  };
}

function couldNotRun(failure: unknown): string {
  return `The worker could not run the request${failure === undefined ? '' : `: ${messageOf(failure)}`}`;
}

function notRun({ request }: InFlightRequest, error: string): Outcome {
  return { kind: 'defer', error, delayMs: backoffMs(request.retryCount + 1) };
}
