import { backoffMs } from '../core/backoff.ts';
import type { Clock } from '../core/clock.ts';
import { formatDuration } from '../core/duration.ts';
import { messageOf } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import type { Troubles } from '../core/recurring-trouble.ts';
import type { Model } from '../models/port.ts';
import type { Outcome } from '../requests/finish-requests.ts';
import type { Answerer } from './answerer.ts';
import type { Completed } from './ends.ts';
import type { HeldRequest } from './in-flight.ts';

export interface ExecutorDeps {
  readonly answerer: Answerer;
  readonly timeoutMs: number;
  /** Takes over ends as soon as they are known; resolves when there is room for more. */
  readonly record: (ends: readonly Completed[]) => Promise<void>;
  readonly log: Logger;
  readonly troubles: Troubles;
  readonly clock: Clock;
}

const NOTHING_TO_RUN = { isLate: false, failure: undefined };

/** Runs one batch of requests of one lane; resolves when each of them has come to an end that was passed on. Never rejects. */
export type Executor = (model: Model, batch: readonly HeldRequest[]) => Promise<void>;

/**
 * Bounds every batch in time. The model is asked to stop when the time is up or nobody wants its answers any more, and is not waited
 * for then: a model that ignores the signal costs its own batch, not the worker.
 *
 * A batch that runs out of time says nothing about any one of its requests, so those without an answer are run again, each alone and
 * with the whole time for itself; only a request that was alone is charged.
 */
export function createExecutor({ answerer, timeoutMs, record, log, troubles, clock }: ExecutorDeps): Executor {
  const trouble = troubles.define('run requests');

  /** Runs a batch once; returns the requests that have not ended because the time was up. */
  async function run(model: Model, batch: readonly HeldRequest[]): Promise<HeldRequest[]> {
    const waiting = new Set(batch);
    const work = new AbortController();
    const ends = collectEnds(record);
    const end = (held: HeldRequest, outcome: Outcome) => {
      if (!waiting.delete(held)) return;
      held.request.parameters = undefined;
      ends.add({ held, outcome });
    };
    const dropUnwanted = () => {
      for (const held of waiting) if (held.abortReason !== undefined) end(held, { kind: 'release' });
      if (waiting.size === 0) work.abort();
    };
    for (const held of batch) held.onAbort = dropUnwanted;
    dropUnwanted();
    const { isLate, failure } = waiting.size > 0 ? await answerInTime(model, [...waiting], work, end) : NOTHING_TO_RUN;
    for (const held of batch) held.onAbort = undefined;

    const [only] = waiting;
    if (isLate && only !== undefined && waiting.size === 1) {
      const error = `Timed out after ${formatDuration(timeoutMs)}`;
      end(only, { kind: 'retry', error, delayMs: backoffMs(only.request.retryCount + 1) });
    }
    if (!isLate) for (const held of waiting) end(held, notRun(held, failure));
    await ends.passedOn();
    return [...waiting];
  }

  /** Asks for the answers; whether the time was up before all of them had come, and why they could not be asked for. */
  async function answerInTime(
    model: Model,
    batch: readonly HeldRequest[],
    work: AbortController,
    end: (held: HeldRequest, outcome: Outcome) => void,
  ): Promise<{ readonly isLate: boolean; readonly failure: unknown }> {
    const { signal } = work;
    const over = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
    const timer = new AbortController();
    let isLate = false;
    let failure: unknown;
    const expiry = clock.delay(timeoutMs, timer.signal).then(() => {
      if (timer.signal.aborted) return;
      isLate = true;
      work.abort();
    });
    const answered = answerer.answer(model, batch, signal, end).then(trouble.settle, (error: unknown) => {
      failure = error;
      if (signal.aborted) log.debug({ err: error }, 'a model failed after it was told to stop');
      else trouble.note(error, { requests: batch.length });
    });
    await Promise.race([answered, over]);
    timer.abort();
    await expiry;
    return { isLate, failure };
  }

  return async (model, batch) => {
    const late = await run(model, batch);
    if (late.length > 0)
      log.warn({ requests: late.length }, 'a batch ran out of time; running its requests one by one');
    for (const held of late) await run(model, [held]);
  };
}

/** Passes on together what ends in one turn of the event loop. */
function collectEnds(record: ExecutorDeps['record']) {
  const recording: Promise<void>[] = [];
  let fresh: Completed[] = [];
  const passOn = () => {
    if (fresh.length > 0) recording.push(record(fresh));
    fresh = [];
  };
  return {
    add(end: Completed) {
      fresh.push(end);
      if (fresh.length === 1) queueMicrotask(passOn);
    },
    async passedOn() {
      passOn();
      await Promise.all(recording);
    },
  };
}

function notRun({ request }: HeldRequest, failure: unknown): Outcome {
  const reason = failure === undefined ? '' : `: ${messageOf(failure)}`;
  const delayMs = backoffMs(request.retryCount + 1);
  return { kind: 'defer', error: `The worker could not run the request${reason}`, delayMs };
}
