import type { LlamaModel, Token } from 'node-llama-cpp';
import { LamplighterError, messageOf } from '../../../core/errors.ts';
import { isFarBeyond } from '../count-tokens.ts';
import type { LlamaEngine } from '../llama-engine.ts';
import { type ChatFrame, renderChatFrame } from './chat-frame.ts';

/** The tokens of a prompt, or how many there are, at least, when they are too many. */
export type PromptTokens = { readonly tokens: Token[] } | { readonly tooMany: string };

/** Turns prompts into tokens: framed by the model's chat template when it has one, as they are otherwise. */
export interface PromptMaker {
  readonly isChat: boolean;
  /** At most `limit` tokens; what looks like a special token in a prompt is plain text. */
  tokensOf(prompt: string, limit: number, signal: AbortSignal): Promise<PromptTokens>;
}

/**
 * @throws LamplighterError MODEL_FAILED for a template that cannot be rendered.
 */
export function createPromptMaker(
  { module: { LlamaText, SpecialTokensText } }: LlamaEngine,
  model: LlamaModel,
  chatTemplate: string | undefined,
): PromptMaker {
  const frame = chatTemplate === undefined ? undefined : frameOf(model, chatTemplate);
  const read = (prompt: string): Token[] => {
    const { before, after } = frame ?? { before: '', after: '' };
    if (frame === undefined) return model.tokenize(prompt);
    return LlamaText([new SpecialTokensText(before), prompt, new SpecialTokensText(after)]).tokenize(model.tokenizer);
  };
  return {
    isChat: frame !== undefined,
    async tokensOf(prompt, limit, signal) {
      if (await isFarBeyond(model, prompt, limit, signal)) return { tooMany: `more than ${2 * limit}` };
      const tokens = withBeginning(model, read(prompt));
      return tokens.length > limit ? { tooMany: String(tokens.length) } : { tokens };
    },
  };
}

/** Once at the beginning, where the model wants it, also when the template has written it already. */
function withBeginning({ tokens: { bos, shouldPrependBosToken } }: LlamaModel, tokens: Token[]): Token[] {
  const isMissing = bos !== null && (shouldPrependBosToken || tokens.length === 0) && tokens[0] !== bos;
  return isMissing ? [bos, ...tokens] : tokens;
}

function frameOf(model: LlamaModel, template: string): ChatFrame {
  const { bosString, eosString } = model.tokens;
  try {
    return renderChatFrame(template, { bos: bosString ?? undefined, eos: eosString ?? undefined });
  } catch (cause) {
    const message = `The chat template of ${model.filename ?? 'the model'} cannot be used: ${messageOf(cause)}`;
    throw new LamplighterError('MODEL_FAILED', message, { cause, hint: 'Take a GGUF file with another template.' });
  }
}
