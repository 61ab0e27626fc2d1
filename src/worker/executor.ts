import { backoffMs } from '../core/backoff.ts';
import type { Clock } from '../core/clock.ts';
import { formatDuration } from '../core/duration.ts';
import type { Logger } from '../core/log.ts';
import type { Model } from '../models/port.ts';
import type { Outcome } from '../requests/finish-requests.ts';
import type { Answerer } from './answerer.ts';
import type { Completed } from './completer.ts';
import type { HeldRequest } from './in-flight.ts';

export interface ExecutorDeps {
  readonly answerer: Answerer;
  readonly timeoutMs: number;
  readonly log: Logger;
  readonly clock: Clock;
}

/** Runs one batch of requests of one lane and says how each ended. Requests that were lost meanwhile have no end. Never rejects. */
export type Executor = (model: Model, batch: readonly HeldRequest[]) => Promise<Completed[]>;

/**
 * Bounds every batch in time. The model is asked to stop when the time is up or nobody wants its answers any more, and is not waited
 * for then: a model that ignores the signal costs its own batch, not the worker.
 */
export function createExecutor({ answerer, timeoutMs, log, clock }: ExecutorDeps): Executor {
  return async (model, batch) => {
    const outcomes = new Map<HeldRequest, Outcome>();
    const work = new AbortController();
    const over = new Promise<void>((resolve) => work.signal.addEventListener('abort', () => resolve(), { once: true }));
    const abortWhenUnwanted = () => {
      if (batch.every((held) => held.signal.aborted || outcomes.has(held))) work.abort();
    };
    for (const { signal } of batch) signal.addEventListener('abort', abortWhenUnwanted, { once: true });
    abortWhenUnwanted();

    const timer = new AbortController();
    const expiry = clock.delay(timeoutMs, timer.signal).then(() => {
      if (timer.signal.aborted) return;
      for (const held of batch) {
        if (!outcomes.has(held)) outcomes.set(held, timedOut(held, timeoutMs));
      }
      work.abort();
    });
    const answered = answerer.answer(model, batch, work.signal, (held, outcome) => {
      if (!outcomes.has(held)) outcomes.set(held, outcome);
    });
    answered.catch((error: unknown) => {
      if (work.signal.aborted) log.debug({ err: error }, 'a model failed after it was told to stop');
    });
    try {
      await Promise.race([answered, over]);
    } catch (error) {
      log.error({ err: error }, 'requests could not be run');
      for (const held of batch) {
        const delayMs = backoffMs(held.request.retryCount + 1);
        if (!outcomes.has(held)) outcomes.set(held, { kind: 'defer', error: 'The worker could not run the request', delayMs });
      }
    } finally {
      timer.abort();
      await expiry;
      for (const { signal } of batch) signal.removeEventListener('abort', abortWhenUnwanted);
    }
    return batch.flatMap((held) => endOf(held, outcomes.get(held)));
  };
}

function timedOut({ request }: HeldRequest, timeoutMs: number): Outcome {
  const error = `Timed out after ${formatDuration(timeoutMs)}`;
  return { kind: 'retry', error, delayMs: backoffMs(request.retryCount + 1) };
}

function endOf(held: HeldRequest, outcome: Outcome | undefined): Completed[] {
  const { signal } = held;
  // What was lost has no end of ours; pushing it on lets the completer forget it.
  if (signal.aborted && signal.reason === 'lost') return [{ held, outcome: { kind: 'release' } }];
  return [{ held, outcome: outcome ?? { kind: 'release' } }];
}
