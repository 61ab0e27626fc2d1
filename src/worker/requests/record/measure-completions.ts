import type { Clock } from '../../../core/clock.ts';
import type { LaneMeter, Meter } from '../../../monitoring/meter.ts';
import type { Lane } from '../../../requests/claimed-request.ts';
import type { Completion } from '../in-flight.ts';

/** Measures how requests fare, for the figures by minute. */
export interface MeasuredCompletions {
  /** Takes note of a completion that was recorded. */
  note(completion: Completion, status: 'pending' | 'completed' | 'failed'): void;
  /** Takes note of a request that failed for good with the death of the worker that ran it. */
  noteDeath(lane: Lane): void;
}

/**
 * Counts completions and charged retries of requests by lane, with how long each attempt ran and how long the first one waited: from the
 * queueing, by the clock of the server, to the claim. Requests that were handed back or deferred are not counted. Runs for each request.
 */
export function measureCompletions(meter: Meter, clock: Pick<Clock, 'nowMs'>): MeasuredCompletions {
  meter.open('requests');
  const meters = new Map<string, Map<string, LaneMeter>>();

  function meterOf({ functionName, model }: Lane): LaneMeter {
    const ofFunction = meters.get(functionName) ?? new Map<string, LaneMeter>();
    meters.set(functionName, ofFunction);
    const known = ofFunction.get(model) ?? meter.lane('requests', functionName, model);
    ofFunction.set(model, known);
    return known;
  }

  return {
    note({ entry, outcome }, status) {
      if (outcome.kind === 'defer' || outcome.kind === 'release') return;
      const { lane, attempt, createdUs } = entry.request;
      const own = meterOf(lane);
      const nowMs = clock.nowMs();
      const runMs = nowMs - entry.claimedMs;
      if (status === 'pending') own.noteRetry(runMs, nowMs);
      else own.noteEnd(status, runMs, 1, nowMs);
      const serverMs = meter.serverMs(nowMs);
      if (attempt === 1 && serverMs !== undefined) {
        own.noteWait(Math.max(0, serverMs - runMs - Number(createdUs) / 1_000), nowMs);
      }
    },
    noteDeath(lane) {
      meterOf(lane).noteEnd('failed', undefined);
    },
  };
}
