import type { LlamaEmbeddingContext, LlamaModel, Token } from 'node-llama-cpp';
import { isBlank } from '../../blank-text.ts';
import { failed, type ItemCost, type ItemOutcome, invalid, succeeded } from '../../outcome.ts';
import { firstTokens, specialTokensOf } from '../count-tokens.ts';
import type { LlamaEngine } from '../llama-engine.ts';

/** Answers one text; rejects only when it is aborted or the engine fails. */
export type TextEmbedder = (text: string, signal: AbortSignal) => Promise<ItemOutcome<Float32Array>>;

export interface TextEmbedderOptions {
  /** Most tokens of one text, special ones included; what is beyond is cut off before the closing one. */
  readonly maxTokens: number;
  /** Put before every text. */
  readonly prefix: string;
}

/** Pooled by the model as its file says, and brought to length 1, which the engine does not. */
export function createTextEmbedder(
  { turns, module }: LlamaEngine,
  model: LlamaModel,
  context: LlamaEmbeddingContext,
  { maxTokens, prefix }: TextEmbedderOptions,
): TextEmbedder {
  const { opening, closing } = specialTokensOf(module, model);
  const room = maxTokens - opening.length - closing.length;
  return async (text, signal) => {
    if (isBlank(text)) return invalid('Text input cannot be empty');
    const tokens = await firstTokens(model, prefix + text, room + 1, signal);
    const input: Token[] = [...opening, ...tokens.slice(0, room), ...closing];
    if (input.length === 0) return invalid('The text has no token that the model knows');
    signal.throwIfAborted();
    const { vector } = await turns.run(() => context.getEmbeddingFor(input));
    return normalised(vector, { tokens: input.length, isTruncated: tokens.length > room });
  };
}

function normalised(vector: readonly number[], cost: ItemCost): ItemOutcome<Float32Array> {
  const length = Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0));
  if (!(length > 0 && Number.isFinite(length))) return failed(`The model gave a vector of length ${length}`);
  return succeeded(
    Float32Array.from(vector, (value) => value / length),
    cost,
  );
}
