import type { Tokenizer } from '@huggingface/tokenizers';
import type { WordTokenizer } from '../tokens/token-ends.ts';

/** How tokenizers say that a token goes on with a word, or begins or ends one; the marks of byte-level ones for white space. */
const MARKS = /^##|[▁ĠĊĉč]|<\/w>$/gu;
const BYTE = /^<0x[0-9A-F]{2}>$/;

/** Words by a tokenizer of the hub's library: what a token stands for is its characters, which are bytes for some tokenizers. */
export function createWordTokenizer(tokenizer: Pick<Tokenizer, 'tokenize' | 'model'>): WordTokenizer {
  const unknown = tokenizer.model?.unk_token;
  // Each character that is a word of its own, as those of Chinese, may be unknown.
  const sizeOf = (token: string) => (token === unknown || BYTE.test(token) ? 1 : token.replaceAll(MARKS, '').length);
  return (word) => tokenizer.tokenize(word).map(sizeOf);
}
