import type { Model } from '../../models/port.ts';
import { type Chunk, type ChunkOptions, chunkText } from './chunk-text.ts';
import { estimateTokens } from './estimate-tokens.ts';

/**
 * The chunks of each text, counted in the model's own tokens, or in estimated ones where its runtime has no tokenizer here.
 *
 * @throws what {@link Model.tokenize} throws; the signal's reason; RangeError as `chunkText`.
 */
export async function splitTexts(
  model: Pick<Model, 'tokenize'>,
  texts: readonly string[],
  options: ChunkOptions,
  signal: AbortSignal,
): Promise<readonly (readonly Chunk[])[]> {
  const spans = (await model.tokenize?.(texts, signal)) ?? texts.map(estimateTokens);
  return texts.map((text, at) => chunkText(text, spans[at] ?? estimateTokens(text), options));
}
