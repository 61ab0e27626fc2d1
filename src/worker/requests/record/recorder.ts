import { backoffMs } from '../../../core/backoff.ts';
import type { Clock } from '../../../core/clock.ts';
import { messageOf } from '../../../core/errors.ts';
import type { Logger } from '../../../core/log.ts';
import type { Trouble, Troubles } from '../../../core/recurring-trouble.ts';
import type { Queryable } from '../../../db/query.ts';
import { isAboutRows, sqlStateOf } from '../../../db/sqlstate.ts';
import type { EndEvent } from '../../../requests/announce-ends.ts';
import { finishRequests, type Outcome } from '../../../requests/finish-requests.ts';
import { type Completed, isMoot } from './completions.ts';

/** Tries of a batch that fails for no reason of the environment, before its rows are tried in smaller batches. */
const TRIES = 3;

export interface RecorderDeps {
  readonly db: Queryable;
  readonly maxRetries: number;
  readonly log: Logger;
  readonly troubles: Troubles;
  /** Told of each end that the database refuses by itself. */
  readonly refusals: Trouble;
  readonly clock: Clock;
  readonly onRecorded: (end: Completed, status: 'pending' | 'completed' | 'failed') => void;
  /** Given the events that were not sent along. */
  readonly announce: (events: readonly EndEvent[]) => void;
}

/**
 * Records ends of requests that were claimed under one worker id, and returns those that could not be recorded now: their rows are
 * locked or no longer the worker's, or the server refuses them, which is counted in them. While the server is away it waits, until `signal` aborts.
 */
export type Recorder = (ends: readonly Completed[], signal: AbortSignal) => Promise<Completed[]>;

/**
 * A batch that fails for its content is halved until the bad row stands alone; its request then fails by itself: at once where the result
 * cannot be stored, and with the tries that it has where a trigger or the like refuses it. A failure that is refused as well goes back.
 */
export function createRecorder(deps: RecorderDeps): Recorder {
  const { db, maxRetries, log, troubles, refusals, clock, onRecorded, announce } = deps;
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
    const { held } = end;
    refusals.note(error, { requestId: held.request.requestId });
    if (end.outcome.kind !== 'completed') return [{ ...end, refusals: (end.refusals ?? 0) + 1 }];
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
        const isAboutBatch = isAboutRows(error);
        if (isContentError(error) || (isAboutBatch && failures >= triesOf(ends))) return divide(batch, error, signal);
        if (signal.aborted) return [...batch];
        if (isAboutBatch) log.debug({ err: error, requests: ends.length }, 'could not record results together');
        else trouble.note(error, { requests: ends.length });
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

/** What was refused before is not given the time that others are given. */
function triesOf(ends: readonly Completed[]): number {
  return ends.some(({ refusals = 0 }) => refusals > 0) ? 1 : TRIES;
}
