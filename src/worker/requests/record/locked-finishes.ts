import { backoffMs } from '../../../core/backoff.ts';
import type { Clock } from '../../../core/clock.ts';
import { groupBy } from '../../../core/group-by.ts';
import type { Logger } from '../../../core/log.ts';
import type { Trouble, Troubles } from '../../../core/recurring-trouble.ts';
import { type Service, startLoop } from '../../../core/service.ts';
import type { Queryable } from '../../../db/query.ts';
import { listLost } from '../../../requests/list-lost.ts';
import { type Completion, isStale } from '../in-flight.ts';

const IDLE_MS = 60_000;
const PAUSE = { baseMs: 50, capMs: 2_000 };
/** The pause between tries of a completion that the database refuses. */
const REFUSED_PAUSE = { baseMs: 1_000, capMs: 60_000 };

export interface LockedFinishesDeps {
  readonly db: Queryable;
  /** Records completions, and returns those that could not be recorded now. */
  readonly record: (completions: readonly Completion[], signal: AbortSignal) => Promise<Completion[]>;
  /** Told of each completion that is given up without having been recorded. */
  readonly onDropped: (completion: Completion) => void;
  readonly log: Logger;
  readonly troubles: Troubles;
  /** Told when nothing waits any more that the database has refused. */
  readonly refusals: Trouble;
  readonly clock: Clock;
}

export interface LockedFinishes extends Service {
  add(completions: readonly Completion[]): void;
  /** Hands back what the database refuses to record, now and from now on: it is tried again later, by whatever worker runs then. */
  handBackRefused(): void;
}

/**
 * Duty: records completions whose rows somebody has locked, beside the batches, so that one open transaction holds up nobody; and finds
 * out which rows were not locked but lost. One statement tries all locked rows and skips them again, rather than wait for each: a wait holds
 * a connection, and with some hundred locked rows the heartbeat would find none and the lease be lost. Completions that the database
 * refuses by themselves, because of a trigger for instance, are tried again less and less often, down to once a minute.
 */
export function startLockedFinishes(deps: LockedFinishesDeps): LockedFinishes {
  const { db, record, onDropped, log, troubles, refusals, clock } = deps;
  /** When each completion is tried again; those of locked rows at each pass. */
  const waiting = new Map<Completion, number>();
  let passes = 0;
  let isRefusing = false;
  let isHandingBack = false;

  function keep(completion: Completion): void {
    if (!isRefused(completion)) {
      waiting.set(completion, 0);
      return;
    }
    isRefusing = true;
    waiting.set(
      isHandingBack ? handedBack(completion) : completion,
      clock.nowMs() + backoffMs(completion.refusals ?? 0, undefined, REFUSED_PAUSE),
    );
  }

  function drop(completion: Completion): void {
    waiting.delete(completion);
    onDropped(completion);
  }

  async function tryAgain(workerId: string, completions: readonly Completion[], signal: AbortSignal): Promise<void> {
    const missing = await record(completions, signal);
    for (const completion of completions) waiting.delete(completion);
    for (const completion of missing) keep(completion);
    if (missing.length === 0) return;
    const requests = missing.map(({ entry }) => entry.request);
    const lost = new Set(await listLost(db, workerId, requests));
    for (const completion of waiting.keys())
      if (isStale(completion) || lost.has(completion.entry.request.id)) drop(completion);
  }

  async function pass(signal: AbortSignal): Promise<void> {
    const nowMs = clock.nowMs();
    const due = [...waiting].flatMap(([completion, dueMs]) => (dueMs <= nowMs ? [completion] : []));
    for (const [workerId, completions] of groupBy(due, ({ entry }) => entry.workerId)) {
      await tryAgain(workerId, completions, signal);
    }
    if (!isRefusing || isHandingBack || [...waiting.keys()].some(isRefused)) return;
    isRefusing = false;
    refusals.settle();
  }

  function pauseMs(): number {
    if (waiting.size === 0) return IDLE_MS;
    const restMs = Math.min(...waiting.values()) - clock.nowMs();
    return Math.max(restMs, backoffMs(passes, undefined, PAUSE));
  }

  const loop = startLoop({
    intervalMs: pauseMs,
    async runOnce(signal) {
      passes += 1;
      await pass(signal);
    },
    trouble: troubles.define('record completions again'),
    clock,
  });

  return {
    add(completions) {
      if (completions.length === 0) return;
      // Completions of locked rows that wait already keep their pace.
      if ([...waiting.keys()].every(isRefused)) passes = 0;
      for (const completion of completions) keep(completion);
      if (passes === 0) loop.wake();
    },
    handBackRefused() {
      isHandingBack = true;
      for (const completion of [...waiting.keys()].filter(isRefused)) {
        waiting.delete(completion);
        waiting.set(handedBack(completion), 0);
      }
      loop.wake();
    },
    async stop() {
      await loop.stop();
      await pass(AbortSignal.abort()).catch((error: unknown) => log.warn({ err: error }, 'could not try again'));
      // They stay in flight: the rescue finds them through their claims.
      if (waiting.size > 0)
        log.warn({ requests: waiting.size }, 'gave up on recording the completions of some requests');
    },
  };
}

function isRefused({ refusals = 0 }: Completion): boolean {
  return refusals > 0;
}

/** The same request as one to be tried later, whose row keeps the reason. */
function handedBack(completion: Completion): Completion {
  const { outcome } = completion;
  if (!('error' in outcome)) return { ...completion, outcome: { kind: 'release' } };
  return { ...completion, outcome: { kind: 'defer', error: outcome.error, delayMs: REFUSED_PAUSE.capMs } };
}
