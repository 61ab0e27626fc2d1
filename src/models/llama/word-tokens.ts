import type { LlamaModel, Token } from 'node-llama-cpp';
import type { WordTokenizer } from '../tokens/token-ends.ts';
import type { LlamaEngine } from './llama-engine.ts';

/**
 * Words by a vocabulary of llama.cpp. Byte-level ones have the space before a word in its token; others add one of their own before each
 * text, in its place.
 */
export function createWordTokenizer({ module }: Pick<LlamaEngine, 'module'>, model: LlamaModel): WordTokenizer {
  const isByteLevel = model.vocabularyType === module.LlamaVocabularyType.bpe;
  const sizes = new Map<Token, number>();
  const sizeOf = (token: Token) => {
    const known = sizes.get(token);
    if (known !== undefined) return known;
    const size = model.detokenize([token]).trim().replace(/^##/, '').length;
    sizes.set(token, size);
    return size;
  };
  return (word) => model.tokenize(isByteLevel ? word : word.trimStart()).map(sizeOf);
}
