import type { Pacer } from '../../core/pacer.ts';
import type { TokenSpans } from '../../models/port.ts';
import { type Chunk, type ChunkOptions, chunkText } from './chunk-text.ts';
import { estimateTokens } from './estimate-tokens.ts';

/**
 * The chunks of a text, counted in the model's own tokens, or in estimated ones where its runtime has no tokenizer here. A text of megabytes
 * takes seconds, in which everything else gets its turns.
 *
 * @throws RangeError as `chunkText`; what `pacer` throws.
 */
export async function splitText(
  text: string,
  tokens: TokenSpans | undefined,
  options: ChunkOptions,
  pacer: Pacer,
): Promise<readonly Chunk[]> {
  const chunks: Chunk[] = [];
  for (const chunk of chunkText(text, tokens ?? estimateTokens(text), options)) {
    chunks.push(chunk);
    if (pacer.isDue()) await pacer.pause();
  }
  return chunks;
}
