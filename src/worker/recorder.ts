import { backoffMs } from '../core/backoff.ts';
import type { Clock } from '../core/clock.ts';
import { messageOf } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import type { Troubles } from '../core/recurring-trouble.ts';
import type { Queryable } from '../db/query.ts';
import { classifySqlState, sqlStateOf } from '../db/sqlstate.ts';
import type { EndEvent } from '../requests/announce-ends.ts';
import { finishRequests, type Outcome } from '../requests/finish-requests.ts';
import { type Completed, isMoot } from './ends.ts';

/** Tries of a batch that fails for no reason of the environment, before its rows are tried in smaller batches. */
const TRIES = 3;

export interface RecorderDeps {
  readonly db: Queryable;
  readonly maxRetries: number;
  readonly log: Logger;
  readonly troubles: Troubles;
  readonly clock: Clock;
  readonly onRecorded: (end: Completed, status: 'pending' | 'completed' | 'failed') => void;
  /** Given the events that were not sent along. */
  readonly announce: (events: readonly EndEvent[]) => void;
}

/**
 * Records ends of requests that were claimed under one worker id, and returns those that could not be recorded now: their rows are
 * locked or no longer the worker's, or the server refuses them. While the server is away it waits, until `signal` aborts.
 */
export type Recorder = (ends: readonly Completed[], signal: AbortSignal) => Promise<Completed[]>;

/** A batch that fails for its content is halved until the bad row stands alone; its request then fails by itself. */
export function createRecorder({ db, maxRetries, log, troubles, clock, onRecorded, announce }: RecorderDeps): Recorder {
  const trouble = troubles.define('record results');

  async function finish(ends: readonly Completed[]): Promise<Completed[]> {
    const [first] = ends;
    if (first === undefined) return [];
    const finishes = ends.map(({ held, outcome }) => ({ id: held.request.id, attempt: held.request.attempt, outcome }));
    const { statuses, isAnnounced } = await finishRequests(db, finishes, { workerId: first.held.workerId, maxRetries });
    const events: EndEvent[] = [];
    const missing = ends.filter((end) => {
      const { id, requestId, lane } = end.held.request;
      const status = statuses.get(id);
      if (status === undefined) return true;
      if (!isAnnounced && status !== 'pending') events.push({ requestId, functionName: lane.functionName, status });
      onRecorded(end, status);
      return false;
    });
    announce(events);
    return missing;
  }

  async function divide(ends: readonly Completed[], error: unknown, signal: AbortSignal): Promise<Completed[]> {
    const [only] = ends;
    if (only !== undefined && ends.length === 1) return failAlone(only, error, signal);
    const middle = Math.ceil(ends.length / 2);
    const missing = await record(ends.slice(0, middle), signal);
    return [...missing, ...(await record(ends.slice(middle), signal))];
  }

  async function failAlone(end: Completed, error: unknown, signal: AbortSignal): Promise<Completed[]> {
    log.error({ err: error, requestId: end.held.request.requestId }, 'the end of a request could not be recorded');
    if (end.outcome.kind !== 'completed') return [end];
    const { held } = end;
    const message = `The result could not be stored: ${messageOf(error)}`;
    const outcome: Outcome = isContentError(error)
      ? { kind: 'failed', error: message }
      : { kind: 'retry', error: message, delayMs: backoffMs(held.request.retryCount + 1) };
    return record([{ held, outcome }], signal);
  }

  async function record(batch: readonly Completed[], signal: AbortSignal): Promise<Completed[]> {
    for (let failures = 1; ; failures += 1) {
      const moot = new Set(batch.filter(isMoot));
      const ends = batch.filter((end) => !moot.has(end));
      try {
        const missing = await finish(ends);
        trouble.settle();
        return [...missing, ...moot];
      } catch (error) {
        if (isContentError(error) || (failures >= TRIES && isAboutTheBatch(error))) return divide(batch, error, signal);
        if (signal.aborted) return [...batch];
        trouble.note(error, { requests: ends.length });
        await clock.delay(backoffMs(failures, undefined, { baseMs: 50, capMs: 2_000 }), signal);
      }
    }
  }

  return record;
}

/** Data that the server cannot store (class 22, such as a NUL in a text; class 23) or that is too large for it (class 54). */
function isContentError(error: unknown): boolean {
  const state = sqlStateOf(error);
  return state !== undefined && ['22', '23', '54'].includes(state.slice(0, 2));
}

/** True when fewer rows at once may do better, e.g. where memory was short: nothing around the rows is the reason. */
function isAboutTheBatch(error: unknown): boolean {
  return sqlStateOf(error) !== undefined && classifySqlState(error) === 'other';
}
