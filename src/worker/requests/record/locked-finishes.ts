import { backoffMs } from '../../../core/backoff.ts';
import type { Clock } from '../../../core/clock.ts';
import { groupBy } from '../../../core/group-by.ts';
import type { Logger } from '../../../core/log.ts';
import type { Trouble, Troubles } from '../../../core/recurring-trouble.ts';
import { type Service, startLoop } from '../../../core/service.ts';
import type { Queryable } from '../../../db/query.ts';
import { listLost } from '../../../requests/list-lost.ts';
import { type Completed, countBatch, isMoot } from './completions.ts';
import type { Recorder } from './recorder.ts';

const IDLE_MS = 60_000;
const PAUSE = { baseMs: 50, capMs: 2_000 };
/** Between tries of an end that the database refuses. */
const REFUSED_PAUSE = { baseMs: 1_000, capMs: 60_000 };

export interface StragglersDeps {
  readonly db: Queryable;
  readonly record: Recorder;
  /** Told of each end that is not awaited any more without having been recorded. */
  readonly onDropped: (end: Completed) => void;
  readonly log: Logger;
  readonly troubles: Troubles;
  /** Told when nothing waits any more that the database has refused. */
  readonly refusals: Trouble;
  readonly clock: Clock;
}

export interface Stragglers extends Service {
  add(ends: readonly Completed[]): void;
  /** Hands back what the database refuses to end, now and from now on: it is tried again later, by whatever worker runs then. */
  handBackRefused(): void;
}

/**
 * Duty: records ends whose rows were locked by somebody, beside the batches, so that one open transaction holds up nobody; and finds
 * out which were not locked but lost. Locked rows are skipped again and again rather than awaited, all in one statement: each wait
 * would hold a connection, and with some hundred locked rows the heartbeat would find none and the lease be lost. Ends that the database
 * refuses by themselves, because of a trigger for instance, are tried again less and less often, down to once a minute.
 */
export function startStragglers(deps: StragglersDeps): Stragglers {
  const { db, record, onDropped, log, troubles, refusals, clock } = deps;
  /** When each is tried again; ends of locked rows at each pass. */
  const waiting = new Map<Completed, number>();
  let passes = 0;
  let isRefusing = false;
  let isHandingBack = false;

  function keep(end: Completed): void {
    if (!isRefused(end)) {
      waiting.set(end, 0);
      return;
    }
    isRefusing = true;
    waiting.set(
      isHandingBack ? handedBack(end) : end,
      clock.nowMs() + backoffMs(end.refusals ?? 0, undefined, REFUSED_PAUSE),
    );
  }

  function drop(end: Completed): void {
    waiting.delete(end);
    onDropped(end);
  }

  async function tryAgain(ends: readonly Completed[], signal: AbortSignal): Promise<void> {
    const missing = await record(ends, signal);
    for (const end of ends) waiting.delete(end);
    for (const end of missing) keep(end);
    const [first] = missing;
    if (first === undefined) return;
    const requests = missing.map(({ held }) => held.request);
    const lost = new Set(await listLost(db, first.held.workerId, requests));
    for (const end of waiting.keys()) if (isMoot(end) || lost.has(end.held.request.id)) drop(end);
  }

  async function pass(signal: AbortSignal): Promise<void> {
    const nowMs = clock.nowMs();
    const due = [...waiting].flatMap(([end, dueMs]) => (dueMs <= nowMs ? [end] : []));
    for (const [, ends] of groupBy(due, ({ held }) => held.workerId)) {
      while (ends.length > 0) await tryAgain(ends.splice(0, countBatch(ends)), signal);
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
    trouble: troubles.define('look after ends that could not be recorded'),
    clock,
  });

  return {
    add(ends) {
      if (ends.length === 0) return;
      // Those of locked rows that wait already keep their pace.
      if ([...waiting.keys()].every(isRefused)) passes = 0;
      for (const end of ends) keep(end);
      if (passes === 0) loop.wake();
    },
    handBackRefused() {
      isHandingBack = true;
      for (const end of [...waiting.keys()].filter(isRefused)) {
        waiting.delete(end);
        waiting.set(handedBack(end), 0);
      }
      loop.wake();
    },
    async stop() {
      await loop.stop();
      await pass(AbortSignal.abort()).catch((error: unknown) => log.warn({ err: error }, 'could not try again'));
      // Left in hand: whoever rescues them finds them through their claims.
      if (waiting.size > 0) log.warn({ requests: waiting.size }, 'gave up on recording the ends of some requests');
    },
  };
}

function isRefused({ refusals = 0 }: Completed): boolean {
  return refusals > 0;
}

/** The same request as one to be tried later, whose row keeps the reason. */
function handedBack(end: Completed): Completed {
  const { outcome } = end;
  if (!('error' in outcome)) return { ...end, outcome: { kind: 'release' } };
  return { ...end, outcome: { kind: 'defer', error: outcome.error, delayMs: REFUSED_PAUSE.capMs } };
}
