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
 * Bounds every batch in time. The model is asked to stop when the time is up or nobody wants its answers any more, and is hardly waited
 * for then: a model that ignores the signal costs its own batch, not the worker. When the time of a batch is up, its requests are run
 * again one by one, so that only one that takes too long by itself is charged.
 */
export function createExecutor({ answerer, timeoutMs, log, clock }: ExecutorDeps): Executor {
  async function run(model: Model, batch: readonly HeldRequest[]): Promise<Completed[]> {
    const outcomes = new Map<HeldRequest, Outcome>();
    const work = new AbortController();
    const isWanted = (held: HeldRequest) => !held.signal.aborted && !outcomes.has(held);
    const abortWhenUnwanted = () => {
      if (!batch.some(isWanted)) work.abort();
    };
    for (const { signal } of batch) signal.addEventListener('abort', abortWhenUnwanted, { once: true });
    abortWhenUnwanted();
    const timer = new AbortController();
    const over = new Promise<void>((resolve) => work.signal.addEventListener('abort', () => resolve(), { once: true }));
    const expiry = clock.delay(timeoutMs, timer.signal).then(() => {
      if (!timer.signal.aborted) work.abort();
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
      if (!work.signal.aborted) {
        log.error({ err: error }, 'requests could not be run');
        for (const held of batch.filter(isWanted)) outcomes.set(held, notRun(held));
      }
    } finally {
      timer.abort();
      await expiry;
      for (const { signal } of batch) signal.removeEventListener('abort', abortWhenUnwanted);
    }
    const ended = batch
      .filter((held) => !isWanted(held))
      .map((held) => ({ held, outcome: outcomes.get(held) ?? RELEASED }));
    return [...ended, ...(await afterTimeout(model, batch, batch.filter(isWanted)))];
  }

  async function afterTimeout(
    model: Model,
    batch: readonly HeldRequest[],
    unfinished: readonly HeldRequest[],
  ): Promise<Completed[]> {
    if (batch.length === 1) return unfinished.map((held) => ({ held, outcome: timedOut(held, timeoutMs) }));
    const ended: Completed[] = [];
    for (const held of unfinished) ended.push(...(await run(model, [held])));
    return ended;
  }

  return run;
}

/** What is aborted has no end of ours: it goes back, unless it was lost. */
const RELEASED: Outcome = { kind: 'release' };

function timedOut({ request }: HeldRequest, timeoutMs: number): Outcome {
  const error = `Timed out after ${formatDuration(timeoutMs)}`;
  return { kind: 'retry', error, delayMs: backoffMs(request.retryCount + 1) };
}

function notRun({ request }: HeldRequest): Outcome {
  return { kind: 'defer', error: 'The worker could not run the request', delayMs: backoffMs(request.retryCount + 1) };
}
