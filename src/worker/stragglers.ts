import { backoffMs } from '../core/backoff.ts';
import type { Clock } from '../core/clock.ts';
import { groupBy } from '../core/group-by.ts';
import type { Logger } from '../core/log.ts';
import type { Troubles } from '../core/recurring-trouble.ts';
import { type Service, startLoop } from '../core/service.ts';
import type { Queryable } from '../db/query.ts';
import { listLost } from '../requests/list-lost.ts';
import { type Completed, countBatch, isMoot } from './ends.ts';
import type { Recorder } from './recorder.ts';

const IDLE_MS = 60_000;
const PAUSE = { baseMs: 50, capMs: 2_000 };

export interface StragglersDeps {
  readonly db: Queryable;
  readonly record: Recorder;
  /** Told of each end that is not awaited any more without having been recorded. */
  readonly onDropped: (end: Completed) => void;
  readonly log: Logger;
  readonly troubles: Troubles;
  readonly clock: Clock;
}

export interface Stragglers extends Service {
  add(ends: readonly Completed[]): void;
}

/**
 * Duty: records ends whose rows were locked by somebody, beside the batches, so that one open transaction holds up nobody; and finds
 * out which were not locked but lost. Locked rows are skipped again and again rather than awaited, all in one statement: each wait
 * would hold a connection, and with some hundred locked rows the heartbeat would find none and the lease be lost.
 */
export function startStragglers({ db, record, onDropped, log, troubles, clock }: StragglersDeps): Stragglers {
  const waiting = new Set<Completed>();
  let passes = 0;

  function drop(end: Completed): void {
    waiting.delete(end);
    onDropped(end);
  }

  async function tryAgain(ends: readonly Completed[], signal: AbortSignal): Promise<void> {
    const missing = await record(ends, signal);
    for (const end of ends) waiting.delete(end);
    for (const end of missing) waiting.add(end);
    const [first] = missing;
    if (first === undefined) return;
    const requests = missing.map(({ held }) => held.request);
    const lost = new Set(await listLost(db, first.held.workerId, requests));
    for (const end of missing) if (isMoot(end) || lost.has(end.held.request.id)) drop(end);
  }

  async function pass(signal: AbortSignal): Promise<void> {
    for (const [, ends] of groupBy(waiting, ({ held }) => held.workerId)) {
      while (ends.length > 0) await tryAgain(ends.splice(0, countBatch(ends)), signal);
    }
  }

  const loop = startLoop({
    intervalMs: () => (waiting.size === 0 ? IDLE_MS : backoffMs(passes, undefined, PAUSE)),
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
      // Those that wait already keep their pace.
      if (waiting.size === 0) passes = 0;
      for (const end of ends) waiting.add(end);
      if (passes === 0) loop.wake();
    },
    async stop() {
      await loop.stop();
      await pass(AbortSignal.abort()).catch((error: unknown) => log.warn({ err: error }, 'could not try again'));
      // Left in hand: whoever rescues them finds them through their claims.
      if (waiting.size > 0) log.warn({ requests: waiting.size }, 'gave up on recording the ends of locked requests');
    },
  };
}
