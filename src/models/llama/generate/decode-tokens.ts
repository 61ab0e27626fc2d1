import type { LlamaContextSequence, LlamaGrammarEvaluationState, Token } from 'node-llama-cpp';
import { feedTokens } from '../feed-tokens.ts';
import type { Turns } from '../take-turns.ts';

/** How the next token is chosen. */
export interface Choosing {
  /** 0 takes the most likely one, whatever the seed. */
  readonly temperature: number;
  readonly seed: number;
  readonly grammar: LlamaGrammarEvaluationState | undefined;
}

export interface Decoded {
  readonly tokens: readonly Token[];
  /** False when the limit came before the model's end. */
  readonly hasEnded: boolean;
}

/** Generates up to `limit` tokens after a prompt, from an empty sequence; hears an abort within a token. */
export async function decodeTokens(
  sequence: LlamaContextSequence,
  prompt: readonly Token[],
  limit: number,
  { temperature, seed, grammar }: Choosing,
  turns: Turns,
  signal: AbortSignal,
): Promise<Decoded> {
  const last = await feedTokens(sequence, prompt, turns, signal);
  const iterator = sequence.evaluate(last, {
    temperature,
    seed,
    ...(grammar === undefined ? {} : { grammarEvaluationState: grammar }),
  });
  const tokens: Token[] = [];
  try {
    while (true) {
      signal.throwIfAborted();
      const step = await turns.run(() => iterator.next());
      if (step.done === true) return { tokens, hasEnded: true };
      // One beyond the limit, thrown away: only it tells an answer that ends exactly there from one that is cut.
      if (tokens.length === limit) return { tokens, hasEnded: false };
      tokens.push(step.value);
    }
  } finally {
    await turns.run(() => iterator.return(undefined));
  }
}
