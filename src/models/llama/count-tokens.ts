import { setImmediate } from 'node:timers/promises';
import type { LlamaModel, Token } from 'node-llama-cpp';

/** Characters tokenised at once on the caller's thread: at most 10 ms, with the worst text for the slowest vocabulary. */
const CHUNK_CHARS = 2_048;

/**
 * True when a text is surely more than twice `limit` tokens, found out in small steps.
 *
 * Tokenising is synchronous and, for some vocabularies, quadratic: 60,000 emoji took 3.7 s. A text that passes is short
 * enough to be tokenised at once.
 */
export async function isFarBeyond(
  model: LlamaModel,
  text: string,
  limit: number,
  signal: AbortSignal,
): Promise<boolean> {
  if (text.length <= CHUNK_CHARS) return false;
  let count = 0;
  for (let start = 0; start < text.length; start += CHUNK_CHARS) {
    signal.throwIfAborted();
    count += model.tokenize(text.slice(start, start + CHUNK_CHARS)).length;
    if (count > 2 * limit) return true;
    await setImmediate();
  }
  return false;
}

/**
 * The first `limit` tokens of a text, as they are in the whole text, give or take those of its last word; tokenises little
 * more than is needed.
 */
export async function firstTokens(
  model: LlamaModel,
  text: string,
  limit: number,
  signal: AbortSignal,
): Promise<Token[]> {
  for (let chars = Math.max(CHUNK_CHARS, limit * 8); ; chars *= 2) {
    const tokens = model.tokenize(text.slice(0, chars), false, 'trimLeadingSpace');
    // The last word may have been cut in two: as many tokens again are more than any word has.
    if (chars >= text.length || tokens.length > limit + WORD_TOKENS) return tokens.slice(0, limit);
    await setImmediate();
    signal.throwIfAborted();
  }
}

const WORD_TOKENS = 128;
