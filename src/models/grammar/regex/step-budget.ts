import { GrammarTooLarge } from '../output-grammar.ts';

/** Bounds work that nobody can foresee, in steps of well below a microsecond. */
export interface StepBudget {
  /** @throws OutOfSteps when nothing is left, GrammarTooLarge when nothing is left for the whole document. */
  spend(steps: number): void;
}

/** Thrown when a budget is spent. */
export class OutOfSteps extends Error {
  override readonly name = 'OutOfSteps';
}

/** A budget of this many steps, which are spent from `whole` too. */
export function createStepBudget(steps: number, whole?: StepBudget): StepBudget {
  let left = steps;
  return {
    spend(count) {
      whole?.spend(count);
      left -= count;
      if (left < 0) throw new OutOfSteps();
    },
  };
}

/** What all patterns of one document may take together: counted, not timed, so that its outcome is always the same. */
export function createDocumentBudget(steps: number): StepBudget {
  let left = steps;
  return {
    spend(count) {
      left -= count;
      if (left >= 0) return;
      throw new GrammarTooLarge('The patterns are too complex, taken together: use fewer or simpler ones');
    },
  };
}
