import { setImmediate } from 'node:timers/promises';
import type { LlamaModel, Token } from 'node-llama-cpp';
import type { WordTokenizer } from '../tokens/token-ends.ts';
import type { LlamaEngine } from './llama-engine.ts';

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

export interface SpecialTokens {
  readonly opening: readonly Token[];
  readonly closing: readonly Token[];
  /** Tokens between two texts that are read together. */
  readonly between: readonly Token[];
}

type Module = typeof import('node-llama-cpp');

/** What llama.cpp puts around a text, by the kind of vocabulary and the flags in the file. */
export function specialTokensOf(
  { LlamaVocabularyType }: Module,
  { tokens, vocabularyType }: LlamaModel,
): SpecialTokens {
  const { bos, eos, sep, shouldPrependBosToken, shouldAppendEosToken } = tokens;
  // BERT: [CLS] a [SEP] b [SEP]; its files may call [SEP] the end as well.
  if (vocabularyType === LlamaVocabularyType.wpm) {
    return { opening: present(bos), closing: present(sep), between: present(sep) };
  }
  const isUnigram = vocabularyType === LlamaVocabularyType.ugm;
  return {
    opening: present(shouldPrependBosToken || isUnigram ? bos : null),
    closing: present(shouldAppendEosToken || isUnigram ? eos : null),
    // XLM-RoBERTa: <s> a </s></s> b </s>.
    between: [...present(eos), ...present(sep)],
  };
}

function present(token: Token | null): readonly Token[] {
  return token === null ? [] : [token];
}
