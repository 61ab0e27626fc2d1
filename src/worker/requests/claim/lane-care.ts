import { backoffMs } from '../../../core/backoff.ts';
import type { Clock } from '../../../core/clock.ts';
import type { Trouble } from '../../../core/recurring-trouble.ts';
import { type Lane, laneKey } from '../../../requests/claimed-request.ts';

/** How long a lane is claimed from with care after a claim that failed for its rows. */
const CAREFUL_MS = 10_000;
/** Pauses of a lane whose claims fail all the same. */
const PAUSE = { baseMs: 100, capMs: 10_000 };

/** Keeps lanes whose rows make claims fail, as a trigger or the like refuses the change, from holding up the others. */
export interface LaneCare {
  /** True while claims of the lane have to pass over rows that cannot be changed. */
  isCareful(lane: Lane): boolean;
  /** True while nothing is to be claimed from the lane. */
  isClosed(lane: Lane): boolean;
  /** A claim has failed for the lane's rows: the next one is careful; where it was, the lane is left alone for longer and longer. */
  noteFailure(lane: Lane, error: unknown): void;
  /** A claim has not failed. */
  noteClaim(lane: Lane): void;
}

interface Care {
  carefulUntilMs: number;
  closedUntilMs: number;
  failures: number;
}

export function createLaneCare(trouble: Trouble, clock: Clock): LaneCare {
  const cares = new Map<string, Care>();

  const isCareful = (lane: Lane) => (cares.get(laneKey(lane))?.carefulUntilMs ?? 0) > clock.nowMs();

  return {
    isCareful,
    isClosed: (lane) => (cares.get(laneKey(lane))?.closedUntilMs ?? 0) > clock.nowMs(),
    noteFailure(lane, error) {
      trouble.note(error, { lane: laneKey(lane) });
      const nowMs = clock.nowMs();
      const failures = isCareful(lane) ? (cares.get(laneKey(lane))?.failures ?? 0) + 1 : 0;
      cares.set(laneKey(lane), {
        carefulUntilMs: nowMs + CAREFUL_MS,
        closedUntilMs: failures === 0 ? 0 : nowMs + backoffMs(failures, undefined, PAUSE),
        failures,
      });
    },
    noteClaim(lane) {
      const care = cares.get(laneKey(lane));
      if (care === undefined) return;
      if (isCareful(lane)) care.failures = 0;
      else if (cares.delete(laneKey(lane)) && cares.size === 0) trouble.settle();
    },
  };
}
