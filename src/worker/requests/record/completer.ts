import type { Clock } from '../../../core/clock.ts';
import type { Logger } from '../../../core/log.ts';
import type { Troubles } from '../../../core/recurring-trouble.ts';
import type { Service } from '../../../core/service.ts';
import type { Queryable } from '../../../db/query.ts';
import type { InFlight } from '../in-flight.ts';
import type { EventPublisher } from './event-publisher.ts';
import { startLockedFinishes } from './locked-finishes.ts';
import { type Completion, countBatch, createRecorder, isStale, lengthOf } from './recorder.ts';

/** Completions that may wait to be recorded; beyond it executors wait. */
const BACKLOG_LIMIT = 2_000;
/** The same by the length of their results, in UTF-16 units. */
const BACKLOG_LENGTH = 32_000_000;
/** Batches recorded at once: while one waits for the disk, the next is written. */
const WRITERS = 2;

export interface CompleterDeps {
  readonly db: Queryable;
  readonly inFlight: InFlight;
  /** Sends the events that were not sent along; stopped later. */
  readonly publisher: Pick<EventPublisher, 'add'>;
  readonly maxRetries: number;
  readonly log: Logger;
  readonly troubles: Troubles;
  readonly clock: Clock;
  /** Told of each completion that was recorded. */
  readonly onRecorded: (completion: Completion, status: 'pending' | 'completed' | 'failed') => void;
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
  const { db, inFlight, publisher, maxRetries, log, troubles, clock, onRecorded } = deps;
  const stopping = new AbortController();
  const refusals = troubles.define('record the completions of some requests');
  const record = createRecorder({
    db,
    maxRetries,
    log,
    troubles,
    refusals,
    clock,
    publish: (events) => publisher.add(events),
    onRecorded(completion, status) {
      onRecorded(completion, status);
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
