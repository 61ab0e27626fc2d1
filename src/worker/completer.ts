import { backoffMs } from '../core/backoff.ts';
import type { Clock } from '../core/clock.ts';
import { messageOf } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import type { Service } from '../core/service.ts';
import type { Queryable } from '../db/query.ts';
import { classifySqlState, sqlStateOf } from '../db/sqlstate.ts';
import { type Finish, finishRequests, type Outcome } from '../requests/finish-requests.ts';
import type { HeldRequest, InFlight } from './in-flight.ts';

const BATCH_LIMIT = 500;
const BATCH_BYTES = 8_000_000;
/** Ends that may wait to be recorded before executors have to. */
const BACKLOG_LIMIT = 2_000;
/** Batches recorded at once: while one waits for the disk, the next is written. */
const WRITERS = 2;
/** How long a row that somebody has locked is awaited, alone, before it is tried again later. */
const LOCK_TIMEOUT_MS = 500;

export interface Completed {
  readonly held: HeldRequest;
  readonly outcome: Outcome;
}

export interface CompleterDeps {
  readonly db: Queryable;
  readonly inFlight: InFlight;
  readonly maxRetries: number;
  readonly log: Logger;
  readonly clock: Clock;
  /** Told of each end that was recorded. */
  readonly onRecorded: (status: 'pending' | 'completed' | 'failed') => void;
}

export interface Completer extends Service {
  /** Takes over the ends of requests; resolves when there is room for more. */
  push(ends: readonly Completed[]): Promise<void>;
}

/**
 * Duty: records the ends of requests, in batches as large as have piled up meanwhile. Writes the queue; if the process dies before a
 * batch commits, its requests are rescued and run again, and nothing of them was seen by anyone. A batch that fails for its content is
 * halved until the bad row stands alone; a row that somebody has locked is retried alone until the lease on it is lost; while the
 * server is away everything waits.
 */
export function startCompleter(deps: CompleterDeps): Completer {
  const { db, inFlight, maxRetries, log, clock } = deps;
  const stopping = new AbortController();
  const queue: Completed[] = [];
  const stragglers = new Set<Promise<void>>();
  const idleWriters: (() => void)[] = [];
  let roomWaiters: (() => void)[] = [];

  const isMoot = ({ held }: Completed) => held.signal.aborted && held.signal.reason === 'lost';

  function settle(end: Completed): void {
    inFlight.remove(end.held.request.id);
  }

  async function record(ends: readonly Completed[], lockTimeoutMs?: number): Promise<Completed[]> {
    const [first] = ends;
    if (first === undefined) return [];
    const statuses = await finishRequests(db, ends.map(toFinish), {
      workerId: first.held.workerId,
      maxRetries,
      ...(lockTimeoutMs === undefined ? {} : { lockTimeoutMs }),
    });
    return ends.filter((end) => {
      const status = statuses.get(end.held.request.id);
      if (status === undefined) return true;
      deps.onRecorded(status);
      settle(end);
      return false;
    });
  }

  /** Records a batch whatever it takes, short of losing the lease. */
  async function complete(batch: readonly Completed[]): Promise<void> {
    for (let failures = 1; ; failures += 1) {
      const ends = batch.filter((end) => !isMoot(end));
      for (const end of batch) if (isMoot(end)) settle(end);
      try {
        for (const missing of await record(ends)) follow(missing);
        return;
      } catch (error) {
        if (isContentError(error)) {
          await divide(ends, error);
          return;
        }
        log.warn({ err: error, requests: ends.length }, 'could not record results yet; trying again');
        if (stopping.signal.aborted) {
          for (const end of ends) settle(end);
          return;
        }
        await clock.delay(backoffMs(failures, undefined, { baseMs: 50, capMs: 2_000 }), stopping.signal);
      }
    }
  }

  /** The server refused the content of a batch: halves it, until the one bad row is known and fails by itself. */
  async function divide(ends: readonly Completed[], error: unknown): Promise<void> {
    const [only] = ends;
    if (ends.length === 1 && only !== undefined) {
      const message = `The result could not be stored: ${messageOf(error)}`;
      if (only.outcome.kind === 'failed' && only.outcome.error === message) {
        log.error({ err: error, requestId: only.held.request.requestId }, 'the end of a request could not be recorded');
        settle(only);
        return;
      }
      await complete([{ held: only.held, outcome: { kind: 'failed', error: message } }]);
      return;
    }
    const middle = Math.ceil(ends.length / 2);
    await complete(ends.slice(0, middle));
    await complete(ends.slice(middle));
  }

  /** A row that was locked, or is no longer ours: found out beside the batches, so that one open transaction holds up nobody. */
  function follow(end: Completed): void {
    const work = awaitLock(end).finally(() => stragglers.delete(work));
    stragglers.add(work);
  }

  async function awaitLock(end: Completed): Promise<void> {
    const { requestId } = end.held.request;
    for (let failures = 1; !isMoot(end); failures += 1) {
      try {
        const [missing] = await record([end], LOCK_TIMEOUT_MS);
        if (missing !== undefined) log.debug({ requestId }, 'the request was no longer held when it ended');
        break;
      } catch (error) {
        const isLocked = sqlStateOf(error) === '55P03';
        if (!isLocked && classifySqlState(error) === 'other') {
          log.error({ err: error, requestId }, 'the end of a request could not be recorded');
          break;
        }
        if (stopping.signal.aborted) break;
        await clock.delay(backoffMs(failures, undefined, { baseMs: 100, capMs: 5_000 }), stopping.signal);
      }
    }
    settle(end);
  }

  function takeBatch(): Completed[] {
    // All of one batch were claimed under one worker id.
    const workerId = queue[0]?.held.workerId;
    let bytes = 0;
    let count = 0;
    for (const { held, outcome } of queue) {
      bytes += outcome.kind === 'completed' ? outcome.result.length : 0;
      if (held.workerId !== workerId || count >= BATCH_LIMIT || (count > 0 && bytes > BATCH_BYTES)) break;
      count += 1;
    }
    return queue.splice(0, count);
  }

  async function write(): Promise<void> {
    while (queue.length > 0 || !stopping.signal.aborted) {
      if (queue.length === 0) {
        await new Promise<void>((resolve) => idleWriters.push(resolve));
        continue;
      }
      await complete(takeBatch());
      if (queue.length < BACKLOG_LIMIT) {
        for (const resolve of roomWaiters) resolve();
        roomWaiters = [];
      }
    }
  }

  function wakeWriters(): void {
    for (const wake of idleWriters.splice(0)) wake();
  }

  const writers = Array.from({ length: WRITERS }, write);
  const done = Promise.all(writers).then(() => Promise.all(stragglers));
  done.catch((error: unknown) => log.fatal({ err: error }, 'recording results has stopped'));

  return {
    async push(ends) {
      queue.push(...ends);
      wakeWriters();
      if (queue.length >= BACKLOG_LIMIT) await new Promise<void>((resolve) => roomWaiters.push(resolve));
    },
    async stop() {
      stopping.abort();
      wakeWriters();
      await done;
    },
  };
}

function toFinish({ held, outcome }: Completed): Finish {
  return { id: held.request.id, attempt: held.request.attempt, outcome };
}

/** Data that the server cannot store (class 22, such as a NUL in a text) or that is too large for it (class 54). */
function isContentError(error: unknown): boolean {
  const state = sqlStateOf(error);
  return state !== undefined && (state.startsWith('22') || state.startsWith('54') || state.startsWith('23'));
}
