import type { Clock } from '../core/clock.ts';
import { messageOf } from '../core/errors.ts';

/** A step under way for so long hangs: each ends with a statement, which is given up before. */
const STUCK_MS = 30_000;

/** Knows whether a loop that claims work goes on. */
export interface LoopWatch {
  /** Runs a pass of the loop, whose last failure is told until one succeeds. */
  run(pass: () => Promise<void>): Promise<void>;
  /** Another step of a pass that goes on begins. */
  step(): void;
  /** What is wrong with the loop; undefined when nothing is. */
  problem(): string | undefined;
}

export function createLoopWatch(clock: Pick<Clock, 'nowMs'>): LoopWatch {
  let stepMs: number | undefined;
  let failure: string | undefined;
  const step = () => {
    stepMs = clock.nowMs();
  };
  return {
    step,
    async run(pass) {
      step();
      try {
        await pass();
        failure = undefined;
      } catch (error) {
        failure = messageOf(error);
        throw error;
      } finally {
        stepMs = undefined;
      }
    },
    problem() {
      const ms = stepMs === undefined ? 0 : clock.nowMs() - stepMs;
      return ms > STUCK_MS ? `has not gone on for ${Math.round(ms / 1_000)} s` : failure;
    },
  };
}
