import type { LlamaContextSequence, Token } from 'node-llama-cpp';
import type { Turns } from './take-turns.ts';

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
