import { backoffMs } from '../../core/backoff.ts';
import type { Clock } from '../../core/clock.ts';
import type { Logger } from '../../core/log.ts';
import type { Troubles } from '../../core/recurring-trouble.ts';
import { type Loop, type Service, startLoop } from '../../core/service.ts';
import type { ListenerOptions } from '../../db/listener.ts';
import type { Queryable } from '../../db/query.ts';
import { isPassing, toClientError } from '../client-error.ts';
import { explainWaits, readOutcomes } from './read-outcomes.ts';
import { readCompletedId } from './shared-listener.ts';
import { closedError } from './wait-errors.ts';
import {
  addWaiter,
  applyOutcome,
  createWatchedRequest,
  failAll,
  giveUp,
  giveUpMs,
  nextLookMs,
  timeOut,
  type Waiter,
  type WatchedRequest,
} from './watched-request.ts';

/** Most requests of one look: their results come back together. */
const MAX_LOOK = 500;
const OUTAGE_PAUSE = { baseMs: 100, capMs: 5_000 };
const DEFAULT_IDLE_MS = 30_000;

export interface ResultWatcherDeps {
  readonly db: Queryable;
  /** Starts to listen on the public channel. */
  readonly listen: (hooks: Pick<ListenerOptions, 'onEvent' | 'onResync' | 'onState'>) => Service;
  readonly log: Logger;
  readonly troubles: Troubles;
  readonly clock: Clock;
  /** How long the listening connection is kept with nobody waiting. @default 30000 */
  readonly idleMs?: number;
}

export interface ResultWatcher extends Service {
  /** Resolves with the parsed result of a request; `requestId` must be a UUID in lower case. */
  watch(
    requestId: string,
    options: { readonly timeoutMs: number; readonly signal?: AbortSignal | undefined },
  ): Promise<unknown>;
  /** Rejects all who wait with ABORTED, closes the connection and refuses new ones. */
  stop(): Promise<void>;
}

/** What runs only while somebody waits, and a while longer. */
interface Watch {
  readonly loop: Loop;
  listener?: Service;
  isListening: boolean;
}

/**
 * Duty: tells any number of waiters how their requests ended, by one connection that listens and one query at a time for all of them.
 * Reads the queue, writes nothing. An event only says where to look; what counts is the row. If the process dies, nothing is lost: the
 * results stay in their rows.
 */
export function createResultWatcher({
  db,
  listen,
  log,
  troubles,
  clock,
  idleMs = DEFAULT_IDLE_MS,
}: ResultWatcherDeps): ResultWatcher {
  const trouble = troubles.define('look for results');
  const requests = new Map<string, WatchedRequest>();
  const retiring = new Set<Promise<void>>();
  let running: Watch | undefined;
  let looking: Promise<void> | undefined;
  let lastWantedMs = 0;
  let failure: { readonly error: unknown; readonly count: number; readonly resumeAtMs: number } | undefined;
  let isStopped = false;

  function tick(): void {
    const nowMs = clock.nowMs();
    for (const watched of requests.values()) giveUp(watched, nowMs, failure?.error);
    if (requests.size > 0) lastWantedMs = nowMs;
    if (looking !== undefined) return;
    if (requests.size === 0 && nowMs >= lastWantedMs + idleMs) retire();
    if (nowMs < (failure?.resumeAtMs ?? 0)) return;
    const due = takeDue(nowMs);
    if (due.length > 0) looking = look(due, nowMs);
  }

  function nextTickMs(): number {
    if (requests.size === 0) return lastWantedMs + idleMs;
    let next = Number.POSITIVE_INFINITY;
    for (const watched of requests.values()) {
      next = Math.min(next, giveUpMs(watched, failure !== undefined));
      if (looking === undefined) next = Math.min(next, Math.max(nextLookMs(watched), failure?.resumeAtMs ?? 0));
    }
    return next;
  }

  function takeDue(nowMs: number): WatchedRequest[] {
    const all = [...requests.values()];
    const due = all.filter((watched) => nextLookMs(watched) <= nowMs);
    if (due.length > 0 && due.length < MAX_LOOK) {
      const isTaken = new Set(due);
      due.push(...all.filter((watched) => !isTaken.has(watched) && watched.schedule.isNear(nowMs)));
    }
    return due.slice(0, MAX_LOOK);
  }

  async function look(due: readonly WatchedRequest[], nowMs: number): Promise<void> {
    for (const { schedule } of due) schedule.begin(nowMs, running?.isListening === true);
    try {
      const rows = await readOutcomes(
        db,
        due.map(({ requestId }) => requestId),
      );
      failure = undefined;
      trouble.settle();
      const overdue = due.map(
        (watched) => [watched, applyOutcome(watched, rows.get(watched.requestId), nowMs)] as const,
      );
      await timeOutAll(overdue.filter(([, waiters]) => waiters.length > 0));
      if (running !== undefined && requests.size > 0) startListening(running);
    } catch (error) {
      if (isPassing(error)) noteOutage(error);
      else for (const watched of due) failAll(watched, toClientError(error));
    } finally {
      looking = undefined;
      running?.loop.wake();
    }
  }

  async function timeOutAll(overdue: readonly (readonly [WatchedRequest, Waiter[]])[]): Promise<void> {
    if (overdue.length === 0) return;
    const advice = await explainWaits(
      db,
      overdue.map(([{ requestId }]) => requestId),
    ).catch((error: unknown) => {
      log.debug({ err: error }, 'could not find out why requests are not answered');
      return new Map<string, string>();
    });
    for (const [{ requestId }, waiters] of overdue) timeOut(requestId, waiters, advice.get(requestId));
  }

  function noteOutage(error: unknown): void {
    const count = (failure?.count ?? 0) + 1;
    trouble.note(error);
    failure = { error, count, resumeAtMs: clock.nowMs() + backoffMs(count, undefined, OUTAGE_PAUSE) };
  }

  function startListening(current: Watch): void {
    current.listener ??= listen({
      onEvent(_channel, payload) {
        const requestId = readCompletedId(payload);
        const watched = requestId === undefined ? undefined : requests.get(requestId);
        if (watched === undefined) return;
        watched.schedule.hint(clock.nowMs());
        current.loop.wake();
      },
      onResync: () => resync(current),
      onState(state) {
        current.isListening = state === 'listening';
        if (!current.isListening) resync(current);
      },
    });
  }

  function resync(current: Watch): void {
    const nowMs = clock.nowMs();
    for (const { schedule } of requests.values()) schedule.resync(nowMs);
    current.loop.wake();
  }

  function startWatch(): Watch {
    const loop = startLoop({
      runOnce: async () => tick(),
      intervalMs: () => Math.max(0, Math.ceil(nextTickMs() - clock.nowMs())),
      trouble: troubles.define('wait for results'),
      clock,
    });
    return { loop, isListening: false };
  }

  /** Stops the loop, which does not await this. */
  function retire(): void {
    if (running === undefined) return;
    const { loop, listener } = running;
    running = undefined;
    const retired = Promise.all([loop.stop(), listener?.stop()])
      .then(() => undefined)
      .catch((error: unknown) => log.error({ err: error }, 'could not close the listening connection'))
      .finally(() => retiring.delete(retired));
    retiring.add(retired);
  }

  return {
    async watch(requestId, { timeoutMs, signal }) {
      if (isStopped) throw closedError();
      const nowMs = clock.nowMs();
      // An outage that nobody has looked into since says nothing of now.
      if (requests.size === 0) failure = undefined;
      const watched = requests.get(requestId) ?? createWatchedRequest(requestId, nowMs);
      requests.set(requestId, watched);
      lastWantedMs = nowMs;
      watched.schedule.resync(nowMs);
      running ??= startWatch();
      running.loop.wake();
      return addWaiter(watched, {
        nowMs,
        timeoutMs,
        signal,
        onUnwanted: () => {
          if (requests.get(requestId) === watched) requests.delete(requestId);
        },
      });
    },
    async stop() {
      isStopped = true;
      for (const watched of requests.values()) failAll(watched, closedError());
      retire();
      await Promise.all([...retiring, looking]);
    },
  };
}
