import { backoffMs } from '../../../core/backoff.ts';
import { bisect, type Together } from '../../../core/bisect.ts';
import type { Clock } from '../../../core/clock.ts';
import { messageOf } from '../../../core/errors.ts';
import type { Logger } from '../../../core/log.ts';
import type { Trouble, Troubles } from '../../../core/recurring-trouble.ts';
import type { Queryable } from '../../../db/query.ts';
import { isAboutRows, isContentError } from '../../../db/sqlstate.ts';
import { type CompletionEvent, finishRequests, type Outcome } from '../../../requests/finish-requests.ts';
import type { InFlightRequest } from '../in-flight.ts';

/** The outcome of an attempt, to be recorded. */
export interface Completion {
  readonly entry: InFlightRequest;
  readonly outcome: Outcome;
  /** How often the database has refused this completion by itself, as a trigger of the user's may. @default 0 */
  readonly refusals?: number;
}

/** True when the completion of a request does not matter any more, as the request is somebody else's or gone. */
export function isStale({ entry }: Completion): boolean {
  return entry.abortReason === 'lost';
}

const BATCH_LIMIT = 500;
/** Length of the results in one statement, in UTF-16 units. */
const BATCH_LENGTH = 8_000_000;

/** Length of the result, in UTF-16 units. */
export function lengthOf({ outcome }: Completion): number {
  return outcome.kind === 'completed' ? outcome.result.length : 0;
}

/** How many of the first completions go into one statement: those of one worker id, in bounded number and size. */
export function countBatch(completions: readonly Completion[]): number {
  const workerId = completions[0]?.entry.workerId;
  let length = 0;
  let count = 0;
  for (const completion of completions) {
    const { entry } = completion;
    length += lengthOf(completion);
    if (entry.workerId !== workerId || count >= BATCH_LIMIT || (count > 0 && length > BATCH_LENGTH)) break;
    count += 1;
  }
  return count;
}

/** Tries of a batch that fails for no reason of the environment, before its rows are tried in smaller batches. */
const TRIES = 3;

export interface RecorderDeps {
  readonly db: Queryable;
  readonly maxRetries: number;
  readonly log: Logger;
  readonly troubles: Troubles;
  /** Told of each completion that the database refuses by itself. */
  readonly refusals: Trouble;
  readonly clock: Clock;
  readonly onRecorded: (completion: Completion, status: 'pending' | 'completed' | 'failed') => void;
  /** Given the events that the finish did not send. */
  readonly publish: (events: readonly CompletionEvent[]) => void;
}

/**
 * Records completions of requests that were claimed under one worker id, and returns those that could not be recorded now: their rows are
 * locked or no longer the worker's, or the server refuses them, which is counted in them. While the server is away it waits, until `signal` aborts.
 */
export type Recorder = (completions: readonly Completion[], signal: AbortSignal) => Promise<Completion[]>;

/**
 * A batch that fails for its rows is halved until the bad row stands alone. Its request then fails by itself: at once where the result
 * cannot be stored, and after its retries where a trigger or the like refuses the row. A failure that is refused as well is returned.
 */
export function createRecorder(deps: RecorderDeps): Recorder {
  const { db, maxRetries, log, troubles, refusals, clock, onRecorded, publish } = deps;
  const trouble = troubles.define('record results');

  async function finish(completions: readonly Completion[]): Promise<Completion[]> {
    const [first] = completions;
    if (first === undefined) return [];
    const finishes = completions.map(({ entry, outcome }) => ({
      id: entry.request.id,
      attempt: entry.request.attempt,
      outcome,
    }));
    const { statuses, isAnnounced } = await finishRequests(db, finishes, {
      workerId: first.entry.workerId,
      maxRetries,
    });
    const events: CompletionEvent[] = [];
    const missing = completions.filter((completion) => {
      const { id, requestId, lane } = completion.entry.request;
      const status = statuses.get(id);
      if (status === undefined) return true;
      if (!isAnnounced && status !== 'pending') events.push({ requestId, functionName: lane.functionName, status });
      onRecorded(completion, status);
      return false;
    });
    publish(events);
    return missing;
  }

  async function failAlone(completion: Completion, fault: unknown, signal: AbortSignal): Promise<Completion[]> {
    const { entry } = completion;
    refusals.note(fault, { requestId: entry.request.requestId });
    if (completion.outcome.kind !== 'completed') return [{ ...completion, refusals: (completion.refusals ?? 0) + 1 }];
    const error = `The result could not be stored: ${messageOf(fault)}`;
    const outcome: Outcome = isContentError(fault)
      ? { kind: 'failed', error }
      : { kind: 'retry', error, delayMs: backoffMs(entry.request.retryCount + 1) };
    return record([{ entry, outcome }], signal);
  }

  async function recordTogether(batch: readonly Completion[], signal: AbortSignal): Promise<Together<Completion>> {
    for (let failures = 1; ; failures += 1) {
      const stale = new Set(batch.filter(isStale));
      const completions = batch.filter((completion) => !stale.has(completion));
      try {
        const missing = await finish(completions);
        trouble.settle();
        return { results: [...missing, ...stale] };
      } catch (error) {
        const isAboutBatch = isAboutRows(error);
        if (isContentError(error) || (isAboutBatch && failures >= triesOf(completions))) return { fault: error };
        if (signal.aborted) return { results: batch };
        if (isAboutBatch) log.debug({ err: error, requests: completions.length }, 'could not record results together');
        else trouble.note(error, { requests: completions.length });
        await clock.delay(backoffMs(failures, undefined, { baseMs: 50, capMs: 2_000 }), signal);
      }
    }
  }

  function record(completions: readonly Completion[], signal: AbortSignal): Promise<Completion[]> {
    return bisect(
      completions,
      (batch) => recordTogether(batch, signal),
      (completion, fault) => failAlone(completion, fault, signal),
    );
  }

  return record;
}

/** Completions that were refused before get one try only. */
function triesOf(completions: readonly Completion[]): number {
  return completions.some(({ refusals = 0 }) => refusals > 0) ? 1 : TRIES;
}
