import { backoffMs } from '../../../core/backoff.ts';
import { bisect, type Together } from '../../../core/bisect.ts';
import type { Clock } from '../../../core/clock.ts';
import { messageOf } from '../../../core/errors.ts';
import type { Logger } from '../../../core/log.ts';
import type { Trouble, Troubles } from '../../../core/recurring-trouble.ts';
import type { Service } from '../../../core/service.ts';
import type { Queryable } from '../../../db/query.ts';
import { isAboutRows, isContentError } from '../../../db/sqlstate.ts';
import { type CompletionEvent, finishRequests, type Outcome } from '../../../requests/finish-requests.ts';
import { type Completion, type InFlight, isStale } from '../in-flight.ts';
import type { EventPublisher } from './event-publisher.ts';
import { type LockedFinishesDeps, startLockedFinishes } from './locked-finishes.ts';

/** Completions that may wait to be recorded; beyond it executors wait. */
const BACKLOG_LIMIT = 2_000;
/** The same by the length of their results, in UTF-16 units. */
const BACKLOG_LENGTH = 32_000_000;
/** Batches recorded at once: while one waits for the disk, the next is written. */
const WRITERS = 2;
/** Completions in one statement. */
const BATCH_LIMIT = 500;
/** Length of the results in one statement, in UTF-16 units. */
const BATCH_LENGTH = 8_000_000;
/** Tries of a batch that fails for no reason of the environment, before its rows are tried in smaller batches. */
const TRIES = 3;

export interface CompleterDeps {
  readonly db: Queryable;
  readonly inFlight: InFlight;
  /** Sends the events that were not sent along; stopped later. */
  readonly publisher: Pick<EventPublisher, 'add'>;
  readonly maxRetries: number;
  readonly log: Logger;
  readonly troubles: Troubles;
  readonly clock: Clock;
  /** Told of each completion that was recorded, and when by the clock of the process. */
  readonly onRecorded: (completion: Completion, status: 'pending' | 'completed' | 'failed', atMs: number) => void;
}

export interface Completer extends Service {
  /** Takes over the completions of requests; resolves when there is room for more. */
  push(completions: readonly Completion[]): Promise<void>;
  /** Hands back, now and from now on, requests whose completion the database refuses. */
  handBackRefused(): void;
}

/**
 * Duty: records the completions of requests, in batches as large as have piled up meanwhile. Writes the queue; if the process dies before a
 * batch commits, its requests are rescued and run again, and nobody has seen anything of them. Rows that somebody has locked are left to
 * the locked finishes; while the server is away everything waits.
 */
export function startCompleter(deps: CompleterDeps): Completer {
  const { db, inFlight, log, troubles, clock, onRecorded } = deps;
  const stopping = new AbortController();
  const refusals = troubles.define('record the completions of some requests');
  const record = createRecorder({
    ...deps,
    refusals,
    onRecorded(completion, status, atMs) {
      onRecorded(completion, status, atMs);
      inFlight.remove(completion.entry);
    },
  });
  const lockedFinishes = startLockedFinishes({
    db,
    record,
    onDropped: ({ entry }) => inFlight.remove(entry),
    log,
    troubles,
    refusals,
    clock,
  });
  const queue: Completion[] = [];
  let queueLength = 0;
  const idleWriters: (() => void)[] = [];
  let roomWaiters: (() => void)[] = [];

  const isFull = () => queue.length >= BACKLOG_LIMIT || queueLength >= BACKLOG_LENGTH;

  function take(): Completion[] {
    const completions = queue.splice(0, countBatch(queue));
    for (const completion of completions) queueLength -= lengthOf(completion);
    return completions;
  }

  function makeRoom(): void {
    if (isFull()) return;
    for (const resolve of roomWaiters) resolve();
    roomWaiters = [];
  }

  async function write(): Promise<void> {
    while (queue.length > 0 || !stopping.signal.aborted) {
      if (queue.length === 0) {
        await new Promise<void>((resolve) => idleWriters.push(resolve));
        continue;
      }
      const missing = await record(take(), stopping.signal);
      for (const completion of missing) if (isStale(completion)) inFlight.remove(completion.entry);
      lockedFinishes.add(missing.filter((completion) => !isStale(completion)));
      makeRoom();
    }
  }

  function wakeWriters(): void {
    for (const wake of idleWriters.splice(0)) wake();
  }

  const done = Promise.all(Array.from({ length: WRITERS }, write));
  done.catch((error: unknown) => refusals.die(error));

  return {
    async push(completions) {
      queue.push(...completions);
      for (const completion of completions) queueLength += lengthOf(completion);
      wakeWriters();
      if (isFull()) await new Promise<void>((resolve) => roomWaiters.push(resolve));
    },
    handBackRefused: () => lockedFinishes.handBackRefused(),
    async stop() {
      stopping.abort();
      wakeWriters();
      await done;
      await lockedFinishes.stop();
    },
  };
}

/** Length of the result, in UTF-16 units. */
function lengthOf({ outcome }: Completion): number {
  return outcome.kind === 'completed' ? outcome.result.length : 0;
}

/** How many of the first completions go into one statement: those of one worker id, in bounded number and size. */
function countBatch(completions: readonly Completion[]): number {
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

interface RecorderDeps extends Omit<CompleterDeps, 'inFlight'> {
  /** Told of each completion that the database refuses by itself. */
  readonly refusals: Trouble;
}

/**
 * Records completions in batches, and returns those that could not be recorded now: their rows are locked or no longer the worker's, or the
 * server refuses them, which is counted in them. While the server is away it waits, until `signal` aborts.
 *
 * A batch that fails for its rows is halved until the bad row stands alone. Its request then fails by itself: at once where the result
 * cannot be stored, and after its retries where a trigger or the like refuses the row. A failure that is refused as well is returned.
 */
function createRecorder(deps: RecorderDeps): LockedFinishesDeps['record'] {
  const { db, publisher, maxRetries, log, troubles, refusals, clock, onRecorded } = deps;
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
    const atMs = clock.nowMs();
    const events: CompletionEvent[] = [];
    const missing = completions.filter((completion) => {
      const { id, requestId, lane } = completion.entry.request;
      const status = statuses.get(id);
      if (status === undefined) return true;
      if (!isAnnounced && status !== 'pending') events.push({ requestId, functionName: lane.functionName, status });
      onRecorded(completion, status, atMs);
      return false;
    });
    publisher.add(events);
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

  async function record(completions: readonly Completion[], signal: AbortSignal): Promise<Completion[]> {
    const left = [...completions];
    const missing: Completion[] = [];
    while (left.length > 0) {
      const results = await bisect(
        left.splice(0, countBatch(left)),
        (batch) => recordTogether(batch, signal),
        (completion, fault) => failAlone(completion, fault, signal),
      );
      missing.push(...results);
    }
    return missing;
  }

  return record;
}

/** Completions that were refused before get one try only. */
function triesOf(completions: readonly Completion[]): number {
  return completions.some(({ refusals = 0 }) => refusals > 0) ? 1 : TRIES;
}
