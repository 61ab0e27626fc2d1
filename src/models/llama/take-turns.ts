/** One after the other, in the order asked. */
export interface Turns {
  /** Settles as `work` does, which starts when all that came before has settled. */
  run<T>(work: () => Promise<T>): Promise<T>;
}

/**
 * Lets one step of work run at a time.
 *
 * llama.cpp's threads spin while they wait for each other: two models at once on the same CPUs are slower by orders than
 * one after the other. Models take turns by single steps, so that a short text does not wait for a long answer.
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
