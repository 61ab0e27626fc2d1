import type { LaneMeter, Meter } from '../../../monitoring/meter.ts';
import type { ClaimedRequest, Lane } from '../../../requests/claimed-request.ts';
import type { Completion } from '../in-flight.ts';

const MINUTE_US = 60_000_000;

/** Measures how requests fare, for the figures by minute. */
export interface MeasuredCompletions {
  /** Takes note of requests that were claimed together. */
  noteClaim(requests: readonly ClaimedRequest[]): void;
  /** Takes note of a completion that was recorded at a time of the clock of the process. */
  note(completion: Completion, status: 'pending' | 'completed' | 'failed', atMs: number): void;
  /** Takes note of a request that failed for good with the death of the worker that ran it. */
  noteDeath(lane: Lane): void;
}

/**
 * Counts requests by lane at their first claim, with how long they waited: from the queueing, by the clock of the server. Counts completions
 * and charged retries with how long each attempt ran; those that were handed back or deferred are not counted. Runs for each request.
 */
export function measureCompletions(meter: Meter, nowMs: () => number): MeasuredCompletions {
  meter.open('requests');
  const meters = new Map<string, Map<string, LaneMeter>>();
  // Requests that were claimed together mostly share their lane.
  let lastLane: Lane | undefined;
  let lastMeter: LaneMeter | undefined;

  function meterOf(lane: Lane): LaneMeter {
    if (lane === lastLane && lastMeter !== undefined) return lastMeter;
    const { functionName, model } = lane;
    const ofFunction = meters.get(functionName) ?? new Map<string, LaneMeter>();
    meters.set(functionName, ofFunction);
    const own = ofFunction.get(model) ?? meter.lane('requests', functionName, model);
    ofFunction.set(model, own);
    lastLane = lane;
    lastMeter = own;
    return own;
  }

  return {
    noteClaim(requests) {
      const atMs = nowMs();
      const serverMs = meter.serverMs(atMs);
      let lane: Lane | undefined;
      let minute = Number.NaN;
      let count = 0;
      const add = () => {
        if (lane !== undefined) meter.queued.note(lane.functionName, lane.model, (minute * MINUTE_US) / 1_000, count);
      };
      for (const request of requests) {
        if (request.attempt !== 1) continue;
        const createdUs = parseMicroseconds(request.createdUs);
        const own = Math.floor(createdUs / MINUTE_US);
        if (own !== minute || request.lane !== lane) {
          add();
          ({ lane } = request);
          minute = own;
          count = 0;
        }
        count += 1;
        if (serverMs !== undefined) meterOf(request.lane).noteWait(Math.max(0, serverMs - createdUs / 1_000), atMs);
      }
      add();
    },
    note({ entry, outcome }, status, atMs) {
      if (outcome.kind === 'defer' || outcome.kind === 'release') return;
      const own = meterOf(entry.request.lane);
      const runMs = atMs - entry.claimedMs;
      if (status === 'pending') own.noteRetry(runMs, atMs);
      else own.noteEnd(status, runMs, 1, atMs);
    },
    noteDeath(lane) {
      meterOf(lane).noteEnd('failed', undefined);
    },
  };
}

/** As `Number` does, in half of its time: this is most of what counting a request takes. */
function parseMicroseconds(text: string): number {
  if (text.startsWith('-')) return Number(text);
  let value = 0;
  for (let at = 0; at < text.length; at += 1) value = value * 10 + (text.charCodeAt(at) - 48);
  return value;
}
