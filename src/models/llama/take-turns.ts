/** One after the other, in the order asked. */
export interface Turns {
  /** Settles as `work` does, which starts when all that came before has settled. */
  run<T>(work: () => Promise<T>): Promise<T>;
}

/**
 * Lets one step of work at a model run at a time. Models in other processes do not wait for these: with half of the CPUs
 * for each, two of them share the machine.
 */
export function createTurns(): Turns {
  let last: Promise<unknown> = Promise.resolve();
  return {
    run(work) {
      const turn = last.then(work);
      last = turn.catch(() => undefined);
      return turn;
    },
  };
}
