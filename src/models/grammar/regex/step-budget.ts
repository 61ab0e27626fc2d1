/** Bounds work that nobody can foresee, in steps of well below a microsecond. */
export interface StepBudget {
  /** @throws OutOfSteps when nothing is left. */
  spend(steps: number): void;
}

/** Thrown when a budget is spent. */
export class OutOfSteps extends Error {
  override readonly name = 'OutOfSteps';
}

/** A budget of this many steps. */
export function createStepBudget(steps: number): StepBudget {
  let left = steps;
  return {
    spend(count) {
      left -= count;
      if (left < 0) throw new OutOfSteps();
    },
  };
}
