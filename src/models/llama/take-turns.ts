import type { LlamaContextSequence, Token } from 'node-llama-cpp';

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

/**
 * Empties the sequence, so that nothing of an earlier request is left, and evaluates all tokens but those it returns,
 * which are at most one batch and at least one token.
 *
 * A batch at a time: other models get their turn in between, and an abort is heard.
 */
export async function feedTokens(
  sequence: LlamaContextSequence,
  tokens: readonly Token[],
  turns: Turns,
  signal: AbortSignal,
): Promise<Token[]> {
  const { batchSize } = sequence.context;
  await turns.run(() => sequence.clearHistory());
  let start = 0;
  for (; tokens.length - start > batchSize; start += batchSize) {
    signal.throwIfAborted();
    const batch = tokens.slice(start, start + batchSize);
    await turns.run(() => sequence.evaluateWithoutGeneratingNewTokens(batch));
  }
  signal.throwIfAborted();
  return tokens.slice(start);
}
