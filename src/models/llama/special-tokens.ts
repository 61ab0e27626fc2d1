import type { LlamaModel, Token } from 'node-llama-cpp';

export interface SpecialTokens {
  readonly opening: readonly Token[];
  readonly closing: readonly Token[];
  /** Between two texts that are read together. */
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
